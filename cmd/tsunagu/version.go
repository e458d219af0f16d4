package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the build (-ldflags -X); without, what Go knows of the build stands in.
var version, commit string

type versionCmd struct{}

func (versionCmd) Run(p *program) error {
	v, c := build()
	_, err := fmt.Fprintf(p.out, "tsunagu %s, commit %s, %s %s/%s\n", v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func build() (v, c string) {
	c = commit
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && c == "" {
				c = s.Value
			}
		}
	}
	return cmp.Or(version, v, "(devel)"), cmp.Or(c, "unknown")
}
