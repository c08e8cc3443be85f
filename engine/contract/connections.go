package contract

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var accordShape = shape{
	attrs:  []string{"required_version"},
	blocks: []blockKind{{name: "ledger", labels: []string{"engine"}, max: 1}},
}

var ledgerShapes = map[string]shape{
	"sqlite":   {attrs: []string{"!path"}},
	"postgres": {attrs: []string{"!url"}},
}

func (d *decoder) decodeAccord() {
	if len(d.blocks["accord"]) == 0 {
		return
	}
	b := d.blocks["accord"][0]
	c := d.check(b.Body, b.DefRange(), "in accord", accordShape)
	if a := c.attrs["required_version"]; a != nil {
		if s, ok := d.filled(a); ok {
			d.contract.RequiredVersion = s
			d.checkVersion(a, s)
		}
	}
	if l := c.first("ledger"); l != nil {
		d.decodeLedger(l)
	}
}

func (d *decoder) decodeLedger(b *hclsyntax.Block) {
	engine := b.Labels[0]
	s, known := ledgerShapes[engine]
	if !known {
		d.fail(codeLabels, b.LabelRanges[0], say("there is no ledger %q", clip(engine)),
			didYouMean(engine, keys(ledgerShapes))+`Write ledger "sqlite" { path = ".accord/ledger.db" } or ledger "postgres" { url = secret::env("...") }.`)
		return
	}
	c := d.check(b.Body, b.DefRange(), say("in ledger %q", engine), s)
	l := Ledger{Engine: engine, Range: b.DefRange()}
	if a := c.attrs["path"]; a != nil {
		l.Path, _ = d.filled(a)
	}
	if a := c.attrs["url"]; a != nil {
		l.URL, _ = d.setting(a)
	}
	d.contract.Ledger = l
}

// checkVersion holds required_version against the running version.
func (d *decoder) checkVersion(a *hclsyntax.Attribute, constraint string) {
	c, err := parseConstraint(constraint)
	if err != nil {
		d.fail(codeRequiredVersion, a.Expr.Range(), say("required_version can't be read: %v", err), `Write required_version = ">= 0.1.0".`)
		return
	}
	if d.opts.version == "" {
		return
	}
	running, err := parseVersion(d.opts.version)
	if err != nil {
		return // a build without a proper version is a developer's own, and not for the contract to refuse
	}
	if !c.allows(running) {
		d.fail(codeRequiredVersion, a.Expr.Range(), say("this is accord %s, and the contract requires %s", d.opts.version, constraint),
			"Install a version that fits, or change the constraint.")
	}
}

// connectionShapes says what a connection of each system takes.
var connectionShapes = map[string]shape{
	"salesforce": {
		attrs: []string{"!url", "api_version", "login_url", "pubsub_endpoint", "pubsub_insecure", "client", "channel"},
		blocks: []blockKind{
			{name: "oauth", labels: []string{"flow"}, need: true, max: 1},
			{name: "budget", max: 1},
		},
	},
	"monday": {
		attrs:  []string{"url", "api_version", "!token", "signing_secret", "webhook_url", "listen", "client"},
		blocks: []blockKind{{name: "budget", max: 1}},
	},
}

var oauthShapes = map[string]shape{
	"jwt_bearer":         {attrs: []string{"!client_id", "!username", "!private_key", "audience", "login_url"}},
	"client_credentials": {attrs: []string{"!client_id", "!client_secret", "login_url"}},
	"refresh_token":      {attrs: []string{"!client_id", "!refresh_token", "client_secret", "login_url"}},
}

var budgetShape = shape{attrs: []string{"!daily_calls"}}

// The versions of the vendors' APIs that this accord was written against.
var defaultVersions = map[string]string{"salesforce": "68.0", "monday": "2026-10"}

var versionForms = map[string]*regexp.Regexp{
	"salesforce": regexp.MustCompile(`^[1-9][0-9]{1,2}\.0$`),
	"monday":     regexp.MustCompile(`^20[0-9]{2}-(01|04|07|10)$`),
}

func (d *decoder) decodeConnections() {
	for _, b := range d.blocks["connection"] {
		system, name := b.Labels[0], b.Labels[1]
		s, known := connectionShapes[system]
		if !known {
			d.fail(codeLabels, b.LabelRanges[0], say("there is no system %q", clip(system)),
				didYouMean(system, keys(connectionShapes))+`Write connection "salesforce" or connection "monday".`)
			continue
		}
		if !d.name(b, 1) {
			continue
		}
		n := &Connection{System: system, Name: name, Settings: map[string]Setting{}, Range: b.DefRange()}
		if before := d.connections[n.Address()]; before != nil {
			d.once(b, say("connection %q %q", system, name), before.Range)
			continue
		}
		d.connections[n.Address()] = n
		d.decodeConnection(n, d.check(b.Body, b.DefRange(), say("in connection %q %q", system, name), s))
	}
	for _, address := range keys(d.connections) {
		d.contract.Connections = append(d.contract.Connections, d.connections[address])
	}
}

func (d *decoder) decodeConnection(n *Connection, c content) {
	for _, name := range keys(c.attrs) {
		a := c.attrs[name]
		if name == "pubsub_insecure" && !secretCall(a.Expr) {
			if yes, ok := d.truth(a); ok {
				n.Settings[name] = Setting{Text: strconv.FormatBool(yes), Range: a.Expr.Range()}
			}
			continue
		}
		if s, ok := d.setting(a); ok {
			n.Settings[name] = s
		}
	}
	if _, given := c.attrs["api_version"]; !given {
		n.Settings["api_version"] = Setting{Text: defaultVersions[n.System]}
	}
	if b := c.first("oauth"); b != nil {
		d.decodeOAuth(n, b)
	}
	if b := c.first("budget"); b != nil {
		n.Budget.Range = b.DefRange()
		if a := d.check(b.Body, b.DefRange(), "in budget", budgetShape).attrs["daily_calls"]; a != nil {
			n.Budget.DailyCalls, n.Budget.DailyPercent, _ = d.count(a, `"40%"`)
		}
	}
	d.checkConnection(n)
}

func (d *decoder) decodeOAuth(n *Connection, b *hclsyntax.Block) {
	flow := b.Labels[0]
	s, known := oauthShapes[flow]
	if !known {
		d.fail(codeLabels, b.LabelRanges[0], say("there is no OAuth flow %q", clip(flow)),
			didYouMean(flow, keys(oauthShapes))+say("Write one of %s.", list(quoted(keys(oauthShapes)), "or")))
		return
	}
	n.OAuth = &OAuth{Flow: flow, Settings: map[string]Setting{}, Range: b.DefRange()}
	c := d.check(b.Body, b.DefRange(), say("in oauth %q", flow), s)
	for _, name := range keys(c.attrs) {
		if v, ok := d.setting(c.attrs[name]); ok {
			n.OAuth.Settings[name] = v
		}
	}
}

// checkConnection checks what is written out; what is behind a secret reference is checked by CheckSettings, once
// somebody has resolved it.
func (d *decoder) checkConnection(n *Connection) {
	plain := map[string]string{}
	for name, s := range n.Settings {
		if s.Secret == nil {
			plain[name] = s.Text
		}
	}
	if n.Settings["pubsub_endpoint"].Secret != nil {
		delete(plain, "pubsub_insecure") // judged together, once both are known
	}
	if n.OAuth != nil {
		for name, s := range n.OAuth.Settings {
			if s.Secret == nil && isURL(name) {
				plain["oauth "+name] = s.Text
			}
		}
	}
	for _, p := range settingProblems(n.System, plain) {
		at, ok := n.Settings[p.name]
		if !ok && n.OAuth != nil {
			at = n.OAuth.Settings[strings.TrimPrefix(p.name, "oauth ")]
		}
		d.fail(p.code, at.Range, p.summary, p.remedy)
	}
	if hook := n.Settings["webhook_url"]; hook.IsSet() && !n.Settings["signing_secret"].IsSet() {
		d.warn(codeUnsigned, hook.Range, say("webhooks of connection %q %q are not signed", n.System, n.Name),
			"Add signing_secret = secret::env(\"...\") with the signing secret of the monday.com app.")
	}
}

// problem is what is wrong with one setting.
type problem struct{ code, name, summary, remedy string }

// CheckSettings checks the settings of a connection whose secret references somebody has resolved: name to text, as in
// Connection.Settings. The error never holds a value.
func CheckSettings(system string, resolved map[string]string) error {
	for _, p := range settingProblems(system, resolved) {
		return fmt.Errorf("check the connection to %s: %s (%s). %s", system, p.summary, p.code, p.remedy)
	}
	return nil
}

func isURL(name string) bool {
	switch strings.TrimPrefix(name, "oauth ") {
	case "url", "login_url", "webhook_url", "audience":
		return true
	default:
		return false
	}
}

// channelName is a developer name (Metadata API Developer Guide, "PlatformEventChannel"): apply adds the suffix.
var channelName = regexp.MustCompile(`^[A-Za-z](_?[A-Za-z0-9]){0,39}$`)

func settingProblems(system string, s map[string]string) []problem {
	var found []problem
	for _, name := range keys(s) {
		v := s[name]
		switch {
		case isURL(name):
			found = append(found, urlProblems(name, v)...)
		case name == "listen" || name == "pubsub_endpoint":
			if _, err := splitHostPort(v); err != nil {
				found = append(found, problem{codeAddress, name, say("%s is not host:port", name), say("Write %s = \"127.0.0.1:8080\".", name)})
			}
		case name == "api_version":
			if form := versionForms[system]; form != nil && !form.MatchString(v) {
				found = append(found, problem{codeAPIVersion, name, "this is no version of the API", say("Write api_version = %q.", defaultVersions[system])})
			}
		case name == "channel":
			if !channelName.MatchString(strings.TrimSuffix(v, "__chn")) {
				found = append(found, problem{codeChannel, name, "this is no developer name of an event channel",
					`Write channel = "accord": letters, digits and single underscores, beginning with a letter, 40 at most.`})
			}
		case name == "pubsub_insecure":
			host, err := splitHostPort(s["pubsub_endpoint"])
			if v == "true" && (err != nil || !loopback(host)) {
				found = append(found, problem{codeInsecure, name, "Pub/Sub without encryption to another host",
					"Take pubsub_insecure away, or name a pubsub_endpoint on this machine: it is allowed to loopback addresses only."})
			}
		}
	}
	return found
}

func urlProblems(name, v string) []problem {
	u, err := url.Parse(v)
	short := strings.TrimPrefix(name, "oauth ")
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return []problem{{codeAddress, name, say("%s is no web address", short), say("Write %s = \"https://host/path\".", short)}}
	case u.User != nil:
		return []problem{{codeAddress, name, say("%s has a user name or password in it", short), "Give credentials by secret references, never in an address."}}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return []problem{{codeInsecure, name, say("%s is not encrypted", short), "Use https; plain http is allowed to loopback addresses only."}}
	case short == "webhook_url" && len(v) > 255:
		return []problem{{codeWebhookLength, name, say("webhook_url has %d characters", len(v)), "Shorten it to 255, the most that monday.com keeps."}}
	default:
		return nil
	}
}

// splitHostPort wants a host, or nothing, before the last colon and a port after it.
func splitHostPort(s string) (string, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", fmt.Errorf("%q has no port", clip(s))
	}
	if p, err := strconv.Atoi(s[i+1:]); err != nil || p < 0 || p > 65535 {
		return "", fmt.Errorf("%q has no port", clip(s))
	}
	host := s[:i]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], nil
	}
	if strings.ContainsAny(host, "/:[]@ ") {
		return "", fmt.Errorf("%q is no host", clip(host))
	}
	return host, nil
}

// loopback says whether a host is this machine and can be no other.
func loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func secretCall(expr hcl.Expression) bool {
	call, is := expr.(*hclsyntax.FunctionCallExpr)
	return is && strings.HasPrefix(call.Name, "secret::")
}
