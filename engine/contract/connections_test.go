package contract

import (
	"strings"
	"testing"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "localhost.example.com": false, "127.0.0.1.example.com": false,
		"127.1": false, "::ffff:127.0.0.1": true, "xlocalhost": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("loopback(%q) = %v", host, got)
		}
	}
}

// What is behind a secret reference is checked by the same rules, and no error repeats it.
func TestCheckSettings(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		code     string // "" = fine
	}{
		{map[string]string{"url": "https://acme.my.salesforce.com"}, ""},
		{map[string]string{"url": "http://127.0.0.1:8010/x"}, ""},
		{map[string]string{"url": "http://[::1]:8010"}, ""},
		{map[string]string{"url": "http://sekret.example"}, codeInsecure},
		{map[string]string{"login_url": "http://sekret.example"}, codeInsecure},
		{map[string]string{"url": "http://127.0.0.1.sekret.example"}, codeInsecure},
		{map[string]string{"url": "http://127.0.0.1@sekret.example/"}, codeAddress},
		{map[string]string{"url": "ftp://sekret.example"}, codeAddress},
		{map[string]string{"url": "https://"}, codeAddress},
		{map[string]string{"url": "sekret\x00"}, codeAddress},
		{map[string]string{"pubsub_endpoint": "api.pubsub.salesforce.com:7443"}, ""},
		{map[string]string{"pubsub_endpoint": "sekret"}, codeAddress},
		{map[string]string{"pubsub_endpoint": "localhost:7011", "pubsub_insecure": "true"}, ""},
		{map[string]string{"pubsub_endpoint": "[::1]:7011", "pubsub_insecure": "true"}, ""},
		{map[string]string{"pubsub_endpoint": "sekret.example:7011", "pubsub_insecure": "true"}, codeInsecure},
		{map[string]string{"pubsub_insecure": "true"}, codeInsecure},
		{map[string]string{"pubsub_insecure": "false"}, ""},
		{map[string]string{"listen": ":8030"}, ""},
		{map[string]string{"listen": "sekret:http"}, codeAddress},
		{map[string]string{"token": "sekret"}, ""},
	} {
		err := CheckSettings("salesforce", c.settings)
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%v: %v", c.settings, err)
		case c.code != "" && (err == nil || !strings.Contains(err.Error(), c.code) || strings.Contains(err.Error(), "sekret")):
			t.Errorf("%v: %v; want %s, and no value in it", c.settings, err, c.code)
		}
	}
}

// Insecure Pub/Sub beside an endpoint that only a secret knows is judged once that is resolved.
func TestSecretEndpoint(t *testing.T) {
	text := strings.Replace(base, `url = "https://acme.my.salesforce.com"`,
		"url = secret::env(\"SF_URL\")\n  pubsub_endpoint = secret::env(\"SF_PUBSUB\")\n  pubsub_insecure = true", 1)
	c := parse(t, one(text))
	s := c.Connection("salesforce.crm").Settings
	if s["url"].Secret == nil || s["pubsub_endpoint"].Secret == nil || s["pubsub_insecure"].Text != "true" {
		t.Errorf("settings: %+v", s)
	}
	if got := s["url"].Secret.String(); got != "secret::env(SF_URL)" {
		t.Errorf("the reference is spelled %s", got)
	}
}
