package bot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
)

// line-platform §1.1: the test vector of LINE's documentation, over the raw bytes, and two secrets while rotating.
func TestSigned(t *testing.T) {
	const secret, header = "8c570fa6dd201bb328f1c1eac23a96d8", "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
	body := []byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`)
	reordered := []byte(`{"events":[],"destination":"U8e742f61d673b39c7fff3cecb7536ef0"}`)
	empty := hmac.New(sha256.New, nil)
	empty.Write(body)
	for name, test := range map[string]struct {
		secrets []string
		header  string
		body    []byte
		want    bool
	}{
		"LINE's vector":               {[]string{secret}, header, body, true},
		"while rotating, the old":     {[]string{"new", secret}, header, body, true},
		"while rotating, the new":     {[]string{secret, "old"}, header, body, true},
		"after rotating":              {[]string{"new"}, header, body, false},
		"same JSON, other bytes":      {[]string{secret}, header, reordered, false},
		"no header":                   {[]string{secret}, "", body, false},
		"not base64":                  {[]string{secret}, "!" + header, body, false},
		"cut":                         {[]string{secret}, header[:40], body, false},
		"no secret is no good secret": {nil, base64.StdEncoding.EncodeToString(empty.Sum(nil)), body, false},
	} {
		if got := signed(test.secrets, test.header, test.body); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
