package eventstoredb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
)

// What is wrong with a connection string is said without the secret in it.
func TestConnectionStrings(t *testing.T) {
	for _, bad := range []string{
		"", "http://user:geheim@host", "kurrentdb://user:geheim@host", "user:geheim@host:2113",
		"esdb://", "esdb://user:geheim@", "esdb://user:geheim@host:port", "esdb://user:geheim@host:2113:2114",
		"esdb://geheim@host", "esdb://:geheim@host", "esdb://user:@host", "esdb://user:ge%heim@host", "esdb://user:geheim@host/path",
		"esdb://user:geheim@a,b:x", "esdb://user:geheim@a,,b", "esdb://user:geheim@host?tls", "esdb://user:geheim@host?tls=perhaps",
		"esdb://user:geheim@host?tsl=false", "esdb://user:geheim@host?tls=true&tls=false", "esdb://user:geheim@host?nodePreference=follower",
		"esdb://user:geheim@host?tlsCaFile=/nowhere/ca.pem", "esdb://user:geheim@host?userCertFile=/nowhere/c.pem",
		"esdb://user:geheim@host?%zz", "esdb://user:geheim@ho st", "esdb://user:ge/heim@ho%st",
	} {
		_, err := eventstoredb.Open(t.Context(), bad, brief)
		if err == nil || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// No connection string makes its reader fail otherwise than by an error without the password.
func FuzzConnectionString(f *testing.F) {
	f.Add("esdb://", "host:2113", "tls=false")
	f.Add("esdb+discover://", "a,b:1,c", "tlsVerifyCert=false&gossipTimeout=1")
	f.Add("esdb://", "[::1]:2113", "keepAliveInterval=-1&defaultDeadline=x")
	f.Fuzz(func(t *testing.T, scheme, hosts, query string) {
		const secret = "Zq7geheimXw"
		if strings.ContainsAny(hosts, "@?") || strings.Contains(scheme, "?") || strings.Contains(strings.ToLower(query), "file") {
			t.Skip("the password would end elsewhere, or a file would be read")
		}
		_, err := eventstoredb.Settings(scheme + "user:" + secret + "@" + hosts + "?" + query)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in: %v", err)
		}
	})
}

// authority makes a certificate for loopback, and writes it where tlsCaFile can name it.
func authority(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "esdbtest"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}

func TestTLSAndPassword(t *testing.T) {
	config, file := authority(t)
	const password = "ge,he:im@"
	c := esdbtest.Start(t, esdbtest.Options{
		Nodes: 3, TLS: config, Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("ledger:"+password)),
	})
	signed := func(password string, settings ...string) string {
		return strings.Replace(c.ConnectionString(settings...), "esdb://", "esdb://ledger:"+password+"@", 1)
	}
	for name, cs := range map[string]string{
		"by its authority": signed("ge,he%3Aim%40", "tlsCaFile="+file),
		"as it is written": signed(password, "tlsCaFile="+file),
		"unverified":       signed(password, "tlsVerifyCert=false"),
	} {
		j, err := eventstoredb.Open(t.Context(), cs, alone)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := j.Append(t.Context(), "user-"+name, journal.NoStream, wish(1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = j.Close()
	}
	for name, cs := range map[string]string{
		"an unknown authority": signed(password),
		"a wrong password":     signed("otherheim", "tlsCaFile="+file),
		"no password":          c.ConnectionString("tlsCaFile=" + file),
	} {
		_, err := eventstoredb.Open(t.Context(), cs, brief)
		if err == nil || strings.Contains(err.Error(), "heim") || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte("ledger:"))) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
