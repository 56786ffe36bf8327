package webhooks_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/http/webhooks"
)

func from(peer string, forwarded ...string) *http.Request {
	r := httptest.NewRequest("POST", "/webhooks/cloudpayments/pay", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"] = forwarded
	return r
}

// The source is the peer, and whom our own proxies speak for: what the sender writes into X-Forwarded-For counts for nothing.
func TestSources(t *testing.T) {
	direct, err := webhooks.ParseSources(" 185.98.81.0/28 ,87.251.91.160/27,, 2001:db8::/32,91.216.178.243", "")
	if err != nil {
		t.Fatal(err)
	}
	proxied, err := webhooks.ParseSources("185.98.81.0/28", "10.0.0.0/8,127.0.0.1,fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sources webhooks.Sources
		request *http.Request
		want    bool
	}{
		"no list":                         {webhooks.Sources{}, from("203.0.113.9:1"), true},
		"no list and no address":          {webhooks.Sources{}, from("@"), true},
		"inside a network":                {direct, from("185.98.81.15:443"), true},
		"the first outside it":            {direct, from("185.98.81.16:443"), false},
		"a network that is not aligned":   {direct, from("87.251.91.191:1"), true},
		"a bare address":                  {direct, from("91.216.178.243:1"), true},
		"the one beside it":               {direct, from("91.216.178.244:1"), false},
		"as six":                          {direct, from("[2001:db8::7]:1"), true},
		"four in six":                     {direct, from("[::ffff:185.98.81.1]:1"), true},
		"said by a stranger":              {direct, from("203.0.113.9:1", "185.98.81.1"), false},
		"said besides":                    {direct, from("185.98.81.1:1", "203.0.113.9"), true},
		"no address":                      {direct, from("@"), false},
		"by a proxy":                      {proxied, from("10.1.2.3:5", "185.98.81.1"), true},
		"by a proxy, with a port":         {proxied, from("[fd00::1]:5", "185.98.81.1:999"), true},
		"by two proxies":                  {proxied, from("127.0.0.1:5", "185.98.81.1, 10.9.9.9"), true},
		"by two, in two lines":            {proxied, from("127.0.0.1:5", "185.98.81.1", "10.9.9.9"), true},
		"forged before the proxy":         {proxied, from("10.1.2.3:5", "185.98.81.1, 203.0.113.9"), false},
		"forged in a line of its own":     {proxied, from("10.1.2.3:5", "185.98.81.1", "203.0.113.9"), false},
		"forged before two proxies":       {proxied, from("10.1.2.3:5", "185.98.81.1, 203.0.113.9, 10.9.9.9"), false},
		"a proxy that says nothing":       {proxied, from("10.1.2.3:5"), false},
		"a proxy that says what is none":  {proxied, from("10.1.2.3:5", "185.98.81.1, unknown"), false},
		"past a proxy":                    {proxied, from("185.98.81.1:5"), true},
		"past a proxy, in another's name": {proxied, from("203.0.113.9:5", "185.98.81.1"), false},
		"a gap is no reason to look on":   {proxied, from("10.1.2.3:5", "185.98.81.1, "), false},
	} {
		if got := c.sources.Permits(c.request); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	for _, bad := range [][2]string{{"everyone", ""}, {"185.98.81.0/33", ""}, {"185.98.81.0/28;10.0.0.1", ""}, {"10.0.0.1", "x"}, {"", "10.0.0.1"}, {"::ffff:1.2.3.4", ""}, {"fe80::1%eth0", ""}} {
		if _, err := webhooks.ParseSources(bad[0], bad[1]); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// From elsewhere a notification is answered 403, signed or not: it is not read, not taken, and leaves a line of the register.
func TestWrongSource(t *testing.T) {
	s := newSite()
	s.Sources = webhooks.Sources{Allowed: []netip.Prefix{netip.MustParsePrefix("185.98.81.0/28")}}
	pay := operation(cloudpayments.Pay)
	for peer, want := range map[string]int{"185.98.81.7:1": 200, "203.0.113.9:1": 403} {
		r := cloudpaymentstest.Request(cloudpayments.Pay, pay, cloudpaymentstest.Form)
		r.RemoteAddr = peer
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), `"forbidden"`) {
			t.Errorf("%s: status %d, %s", peer, w.Code, w.Body)
		}
	}
	if len(s.got) != 1 || len(s.lines) != 2 {
		t.Fatalf("taken: %d, told: %d", len(s.got), len(s.lines))
	}
	for _, l := range s.lines {
		if l.Status == 403 && (l.Outcome != webhooks.WrongSource || l.Key != "") {
			t.Errorf("%+v", l)
		}
	}
}

// Nothing that a stranger writes makes them one of the sources, and nothing that a proxy passes on stops the program.
func FuzzSources(f *testing.F) {
	sources, err := webhooks.ParseSources("185.98.81.0/28", "10.0.0.0/8")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("185.98.81.1")
	f.Add(",,[::ffff:10.0.0.1]:7, 185.98.81.1%x, 10.0.0.1")
	f.Fuzz(func(t *testing.T, forwarded string) {
		if sources.Permits(from("203.0.113.9:1", forwarded)) {
			t.Errorf("%q makes a stranger a source", forwarded)
		}
		if sources.Permits(from("10.0.0.1:1", forwarded+", 203.0.113.9")) {
			t.Errorf("%q before a stranger makes them a source", forwarded)
		}
	})
}
