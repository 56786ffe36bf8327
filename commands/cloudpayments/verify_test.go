package cloudpayments_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "cloudpayments", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func secrets(t testing.TB, setting string) cloudpayments.Secrets {
	t.Helper()
	s, err := cloudpayments.ParseSecrets(setting)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signed(encoded, decoded string) http.Header {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if encoded != "" {
		h.Set("Content-HMAC", encoded)
	}
	if decoded != "" {
		h.Set("X-Content-HMAC", decoded)
	}
	return h
}

// The published notification verifies with its published signature, and with nothing changed in the least.
func TestVector(t *testing.T) {
	raw := vector(t, "pay.form")
	var published struct {
		Secret string `json:"secret"`
		HMAC   string `json:"content_hmac"`
	}
	if err := json.Unmarshal(vector(t, "pay.signature.json"), &published); err != nil {
		t.Fatal(err)
	}
	h, key := signed(published.HMAC, ""), secrets(t, published.Secret)
	if err := cloudpayments.Verify(key, h, raw); err != nil {
		t.Fatalf("the published example does not verify: %v", err)
	}
	if err := cloudpayments.Verify(secrets(t, "new, "+published.Secret), h, raw); err != nil {
		t.Errorf("it does not verify by the second of two secrets: %v", err)
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := url.QueryUnescape(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	for what, body := range map[string]string{
		"written again":          values.Encode(),
		"with escapes in big":    strings.ReplaceAll(string(raw), "%3a", "%3A"),
		"resolved":               decoded,
		"with a field more":      string(raw) + "&Amount=1.00",
		"with another sum":       strings.Replace(string(raw), "123.00", "123.01", 1),
		"with a line end":        string(raw) + "\n",
		"empty":                  "",
		"cut":                    string(raw[:len(raw)-1]),
		"with plus as an escape": strings.Replace(string(raw), "+", "%20", 1),
	} {
		if err := cloudpayments.Verify(key, h, []byte(body)); !errors.Is(err, cloudpayments.ErrSignature) {
			t.Errorf("a body %s is taken: %v", what, err)
		}
	}
	for _, other := range []string{"Pass", "passs", "pas", "new,old"} {
		if err := cloudpayments.Verify(secrets(t, other), h, raw); !errors.Is(err, cloudpayments.ErrSignature) {
			t.Errorf("it verifies by another secret: %v", err)
		}
	}
}

// Either header is enough (1.10 h), each over its own text, and none is not.
func TestEitherHeader(t *testing.T) {
	const raw = "Amount=103.50&Name=%d0%90%d0%b9+B&InvoiceId=order-9"
	const plain = "Amount=103.50&Name=Ай B&InvoiceId=order-9"
	const body = `{"Amount":103.50,"Name":"100%25 + x"}`
	sign := cloudpaymentstest.Signature
	key := secrets(t, "k")
	for _, c := range []struct {
		what, raw        string
		encoded, decoded string
		json             bool
		want             error
	}{
		{"both", raw, sign(raw, "k"), sign(plain, "k"), false, nil},
		{"the first alone", raw, sign(raw, "k"), "", false, nil},
		{"the second alone", raw, "", sign(plain, "k"), false, nil},
		{"the second, over the bytes as they came", raw, "", sign(raw, "k"), false, cloudpayments.ErrSignature},
		{"the first, over the resolved text", raw, sign(plain, "k"), "", false, cloudpayments.ErrSignature},
		{"headers exchanged", raw, sign(plain, "k"), sign(raw, "k"), false, cloudpayments.ErrSignature},
		{"the second wrong", raw, sign(raw, "k"), sign("x", "k"), false, nil},
		{"none", raw, "", "", false, cloudpayments.ErrUnsigned},
		{"no Base64", raw, "!", "", false, cloudpayments.ErrSignature},
		{"too short", raw, "dA==", "", false, cloudpayments.ErrSignature},
		{"in hexadecimal", raw, strings.Repeat("0f", 32), "", false, cloudpayments.ErrSignature},
		{"a broken escape", raw + "&A=%2", "", sign(plain+"&A=%2", "k"), false, cloudpayments.ErrSignature},
		{"JSON, both", body, sign(body, "k"), sign(body, "k"), true, nil},
		{"JSON, the second alone", body, "", sign(body, "k"), true, nil},
		{"JSON, resolved as if it were a form", body, "", sign(`{"Amount":103.50,"Name":"100%   x"}`, "k"), true, cloudpayments.ErrSignature},
	} {
		h := signed(c.encoded, c.decoded)
		if c.json {
			h.Set("Content-Type", "application/json; charset=utf-8")
		}
		if err := cloudpayments.Verify(key, h, []byte(c.raw)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

// The resolved text does not say where a value ends, so what was one field cannot come back as two.
func TestResolvedTextIsReadAsItWasSigned(t *testing.T) {
	genuine := "TransactionId=1&Name=a%26Amount%3d1.00&Amount=500.00"
	forged := "TransactionId=1&Name=a&Amount=1.00&Rest=%26Amount%3d500.00"
	for _, raw := range []string{genuine, forged, "TransactionId=1&Name=a&Amount=1.00&Amount=500.00"} {
		plain, err := url.QueryUnescape(raw)
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Count(raw, "&")
		err = cloudpayments.Verify(secrets(t, "k"), signed("", cloudpaymentstest.Signature(plain, "k")), []byte(raw))
		if wantSound := strings.Count(plain, "&") == fields; (err == nil) != wantSound {
			t.Errorf("%s: %v", raw, err)
		}
		if err := cloudpayments.Verify(secrets(t, "k"), signed(cloudpaymentstest.Signature(raw, "k"), ""), []byte(raw)); err != nil {
			t.Errorf("%s, signed byte for byte: %v", raw, err)
		}
	}
}

// No secret, no notification (1.10 e).
func TestNoSecret(t *testing.T) {
	for _, setting := range []string{"", " ", ",", " , "} {
		s := secrets(t, setting)
		empty := cloudpaymentstest.Signature("a=1", "")
		if err := cloudpayments.Verify(s, signed(empty, empty), []byte("a=1")); !errors.Is(err, cloudpayments.ErrNoSecret) || s.Given() {
			t.Errorf("setting %q: %v", setting, err)
		}
	}
	blank := cloudpayments.Secrets{cloudpayments.NewSecret(""), cloudpayments.NewSecret("k")}
	if err := cloudpayments.Verify(blank, signed(cloudpaymentstest.Signature("a=1", ""), ""), []byte("a=1")); !errors.Is(err, cloudpayments.ErrSignature) {
		t.Errorf("an empty secret beside another verifies: %v", err)
	}
	if _, err := cloudpayments.ParseSecrets("a,b,c"); err == nil {
		t.Error("three secrets are taken")
	}
}

// A secret shows itself nowhere.
func TestSecretIsNotShown(t *testing.T) {
	s := cloudpayments.NewSecret("hunter2")
	config := cloudpayments.Config{PublicID: "pk", Secret: s}
	inside := struct{ s cloudpayments.Secret }{s}
	list := cloudpayments.Secrets{s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "config", config, "list", list)
	written, err := json.Marshal(config.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{s.String(), fmt.Sprint(s, list, inside, config), fmt.Sprintf("%v %+v %#v %s %q %x", s, list, inside, config, s, s), log.String(), string(written)} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e746572") {
			t.Errorf("the secret is shown: %s", shown)
		}
	}
}

// Signatures are compared by hmac.Equal alone (1.10 h): another comparison stops at the first byte that differs.
func TestComparedInConstantTime(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "verify.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				calls[fmt.Sprint(s.X, ".", s.Sel)]++
			}
		case *ast.FuncDecl:
			if n.Name.Name != "signs" {
				return true
			}
			ast.Inspect(n, func(n ast.Node) bool {
				b, ok := n.(*ast.BinaryExpr)
				if ok && (b.Op == token.EQL || b.Op == token.NEQ) {
					if y, ok := b.Y.(*ast.Ident); !ok || y.Name != "nil" {
						t.Error("signs compares by an operator")
					}
				}
				return true
			})
		}
		return true
	})
	if calls["hmac.Equal"] != 1 || calls["bytes.Equal"]+calls["bytes.Compare"]+calls["strings.EqualFold"]+calls["strings.Compare"] != 0 {
		t.Errorf("calls in verify.go: %v", calls)
	}
}

// FuzzVerify: what was signed is taken in its very bytes, and nothing else is, whatever came.
func FuzzVerify(f *testing.F) {
	f.Add("TransactionId=666&Amount=123.00&DateTime=2015-11-17+14%3a51%3a20", "pass", "application/x-www-form-urlencoded", uint16(3))
	f.Add(`{"TransactionId":666}`, "pass", "application/json", uint16(0))
	f.Add("a=%zz&b=%26c%3d1", "k", "", uint16(4))
	f.Add("", "", "text/plain", uint16(9))
	f.Fuzz(func(t *testing.T, raw, secret, contentType string, flip uint16) {
		key := cloudpayments.Secrets{cloudpayments.NewSecret(secret)}
		h := http.Header{"Content-Type": {contentType}}
		h.Set("Content-HMAC", cloudpaymentstest.Signature(raw, secret))
		err := cloudpayments.Verify(key, h, []byte(raw))
		if secret == "" {
			if !errors.Is(err, cloudpayments.ErrNoSecret) {
				t.Fatalf("no secret: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatalf("signed bytes are not taken: %v", err)
		}
		if len(raw) > 0 {
			other := []byte(raw)
			other[int(flip)%len(other)] ^= 1 << (flip % 7)
			if err := cloudpayments.Verify(key, h, other); !errors.Is(err, cloudpayments.ErrSignature) {
				t.Fatalf("other bytes are taken: %v", err)
			}
		}
		// The header is any text, too.
		h.Set("Content-HMAC", raw)
		h.Set("X-Content-HMAC", raw)
		if err := cloudpayments.Verify(key, h, []byte(raw)); err == nil {
			t.Fatal("a text is its own signature")
		}
	})
}
