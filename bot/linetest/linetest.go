// Package linetest judges the requests a bot sends to LINE by LINE's own OpenAPI descriptions.
//
//	check := linetest.New(t)
//	…
//	if err := check.Check(r.Method, r.URL.String(), r.Header, body); err != nil {
//		t.Error(err)
//	}
//
// The descriptions are read from the folder shared/line-openapi beside the repository. Where that folder is absent
// [New] says so in the test's log and returns a nil [Checker], which accepts everything.
//
// The descriptions do not hold everything LINE refuses: lengths of texts and labels are in LINE's reference only.
// Package linesim knows those.
//
// The package is for tests only.
package linetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// A Checker knows the operations of the Messaging API and of the channel access tokens. It is safe for concurrent use,
// and a nil one accepts everything.
type Checker struct {
	descriptions []routers.Router
}

// New returns the Checker, or nil, with a line in the test's log, where the descriptions are absent.
func New(t testing.TB) *Checker {
	t.Helper()
	c, err := load()
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("requests to LINE are not checked: %v", err)
		return nil
	}
	if err != nil {
		t.Fatalf("LINE's OpenAPI descriptions: %v", err)
	}
	return c
}

// Check reports what LINE's descriptions have against a request: an unknown path or method, no access token where one
// is needed, a missing, misspelt or wrongly typed parameter, header or property. The path may carry a query, and may be a
// whole URL, whose host is not looked at. The header is the request's, with its Content-Type when there is a body.
func (c *Checker) Check(method, path string, header http.Header, body []byte) error {
	if c == nil {
		return nil
	}
	u, err := url.Parse(path)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, u.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = header.Clone()
	for _, description := range c.descriptions {
		route, params, err := description.FindRoute(r)
		if err != nil {
			continue // perhaps the next description has it
		}
		err = openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
			Request: r, Route: route, PathParams: params,
			Options: &openapi3filter.Options{
				AuthenticationFunc:                authenticate,
				RejectWhenRequestBodyNotSpecified: true,
				SkipSettingDefaults:               true,
				SchemaValidationOptions:           []openapi3.SchemaValidationOption{uuid},
			},
		})
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, u.Path, err)
		}
		return nil
	}
	return fmt.Errorf("%s %s: LINE has no such operation", method, u.Path)
}

// uuid is the form of a retry key. The library takes anything for one unless told.
var uuid = openapi3.WithStringFormatValidator("uuid",
	openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC9562))

// authenticate wants an access token; which one is not LINE's description's to say.
func authenticate(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	token, ok := strings.CutPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return errors.New("no channel access token")
	}
	return nil
}

// load reads the descriptions once a process: they are large.
var load = sync.OnceValues(func() (*Checker, error) {
	folder, err := folder()
	if err != nil {
		return nil, err
	}
	for _, image := range []string{"image/png", "image/jpeg"} { // a rich menu's picture
		openapi3filter.RegisterBodyDecoder(image, openapi3filter.FileBodyDecoder)
	}
	c := &Checker{}
	for _, name := range []string{"messaging-api.yml", "channel-access-token.yml"} {
		doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		doc.Servers = nil
		if err := widen(doc); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, path := range doc.Paths.Map() {
			for _, operation := range path.Operations() {
				adapt(operation)
			}
		}
		description, err := legacy.NewRouter(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.descriptions = append(c.descriptions, description)
	}
	return c, nil
})

// folder is shared/line-openapi beside the repository's root, the nearest folder upwards with a go.mod.
func folder() (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("go.mod: %w", fs.ErrNotExist)
		}
		root = filepath.Dir(root)
	}
	folder := filepath.Join(filepath.Dir(root), "shared", "line-openapi")
	_, err = os.Stat(folder)
	return folder, err
}

// adapt drops the host, so that requests to a simulator are judged as well, and says of a body that is one of several
// objects that it is an object: without that the library does not read forms.
func adapt(operation *openapi3.Operation) {
	operation.Servers = nil
	if operation.RequestBody == nil {
		return
	}
	for _, media := range operation.RequestBody.Value.Content {
		if body := media.Schema.Value; len(body.OneOf) > 0 && body.Type == nil {
			body.Type = &openapi3.Types{openapi3.TypeObject}
		}
	}
}
