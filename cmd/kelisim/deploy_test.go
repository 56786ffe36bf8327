package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
)

// The files for operators are held against the program that they speak of: no Docker, no Prometheus and no Grafana is at hand here.

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parsed(t *testing.T, name string) map[string]any {
	t.Helper()
	tree, err := yaml.Parser().Unmarshal([]byte(deployed(t, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tree
}

// Every metric that the dashboard and the rules ask for is one that a server has.
func TestDeployedMetricsAreThere(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	outlets := write("outlets.yaml", `outlets: [{name: mail, kind: webhook, allow_private: true, secret_env: MAIL_SECRET, url: "http://127.0.0.1:9/"}]`)
	const name = "witness.example.kz"
	key := append([]byte{4}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))[ed25519.SeedSize:]...) // 4: it cosigns
	id := sha256.Sum256(append([]byte(name+"\n"), key...))
	witnesses := write("witnesses", fmt.Sprintf("witness w %s+%x+%s http://127.0.0.1:9/\nquorum w\n", name, id[:4], base64.StdEncoding.EncodeToString(key)))
	s, err := startServer("", append(os.Environ(), "MAIL_SECRET="+hookSecret), "serve", "--data", data, "--admin-listen", "127.0.0.1:0", "--outlets", outlets, "--witnesses", witnesses)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	if _, _, err := (caller{url: s.url}).do("GET", "/livez", "", ""); err != nil {
		t.Fatal(err)
	}
	admin := ""
	within(t, "it says where its metrics are", func() bool {
		m := adminLine.FindSubmatch(s.said())
		if m != nil {
			admin = string(m[1])
		}
		return m != nil
	})
	answer, err := http.Get(admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	exposed, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	metrics := regexp.MustCompile(`\b(?:kelisim|process|go)_[a-z0-9_]+`)
	for _, file := range []string{"grafana.json", "alerts.yaml"} {
		asked := metrics.FindAllString(deployed(t, file), -1)
		for _, metric := range asked {
			if !regexp.MustCompile(`(?m)^` + metric + `[{ ]`).Match(exposed) {
				t.Errorf("%s asks for %s, which a server does not have", file, metric)
			}
		}
		if len(asked) < 15 {
			t.Errorf("%s asks for %d metrics", file, len(asked))
		}
	}
}

func TestDashboardIsWhole(t *testing.T) {
	var d struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ RefID, Expr string }
			GridPos struct{ X, W int }
		}
	}
	if err := json.Unmarshal([]byte(deployed(t, "grafana.json")), &d); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %q, is not whole", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			balanced(t, p.Title, target.Expr)
		}
	}
	if d.Title == "" || len(seen) < 10 {
		t.Errorf("the dashboard has %d panels", len(seen))
	}
}

// balanced sees that what is opened in a query is closed.
func balanced(t *testing.T, where, expr string) {
	t.Helper()
	closes := map[rune]rune{')': '(', '}': '{', ']': '['}
	var open []rune
	for _, r := range regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expr, "") {
		switch r {
		case '(', '{', '[':
			open = append(open, r)
		case ')', '}', ']':
			if len(open) == 0 || open[len(open)-1] != closes[r] {
				t.Errorf("%s: %s: %c closes nothing", where, expr, r)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || expr == "" {
		t.Errorf("%s: %q is not a whole query", where, expr)
	}
}

func TestAlertsAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, group := range parsed(t, "alerts.yaml")["groups"].([]any) {
		for _, one := range group.(map[string]any)["rules"].([]any) {
			rule := one.(map[string]any)
			name, _ := rule["alert"].(string)
			expr, _ := rule["expr"].(string)
			balanced(t, name, expr)
			labels, _ := rule["labels"].(map[string]any)
			annotations, _ := rule["annotations"].(map[string]any)
			summary, _ := annotations["summary"].(string)
			if names[name] || name == "" || summary == "" || labels["severity"] != "critical" && labels["severity"] != "warning" {
				t.Errorf("the rule %q is not whole", name)
			}
			names[name] = true
			for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(summary, -1) {
				if strings.Contains(expr, " by (") && !regexp.MustCompile(`by \([^)]*\b`+label[1]+`\b`).MatchString(expr) {
					t.Errorf("%s: the summary names %s, which the query leaves out", name, label[1])
				}
			}
		}
	}
}

// Whatever the files say to the program it understands.
func TestDeployedSettingsAreThere(t *testing.T) {
	serve, _ := told(t, 0, "serve", "--help")
	witness, _ := told(t, 0, "witness", "--help")
	for _, file := range []string{"Dockerfile", "compose.yaml", "kelisim.service"} {
		text := deployed(t, file)
		for _, name := range regexp.MustCompile(`\bKELISIM_[A-Z_]+`).FindAllString(text, -1) {
			if !slices.ContainsFunc(settings, func(flag string) bool { return variable(flag) == name }) && name != secretSetting {
				t.Errorf("%s sets %s, which is no setting", file, name)
			}
		}
	}
	flags := func(command, text string) {
		t.Helper()
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(text, -1) {
			if !strings.Contains(command, "      "+flag+" ") {
				t.Errorf("there is no flag %s", flag)
			}
		}
	}
	unit := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(deployed(t, "kelisim.service"))
	if unit == nil || !strings.Contains(unit[1], "kelisim serve --data") {
		t.Fatal("the unit starts nothing")
	}
	flags(serve, unit[1])
	command := fmt.Sprint(parsed(t, "compose.yaml")["services"].(map[string]any)["witness"].(map[string]any)["command"])
	if !strings.HasPrefix(command, "[witness --name") {
		t.Errorf("the witness is run by %s", command)
	}
	flags(witness, command)
}

// Three instances have a directory each, and share the rest; whatever is named is there.
func TestComposeIsWhole(t *testing.T) {
	tree := parsed(t, "compose.yaml")
	services, volumes := tree["services"].(map[string]any), tree["volumes"].(map[string]any)
	data := map[string]bool{}
	var shared []string
	for name, one := range services {
		service := one.(map[string]any)
		if depends, ok := service["depends_on"].(map[string]any); ok {
			for on := range depends {
				if services[on] == nil {
					t.Errorf("%s waits for %s, which is not there", name, on)
				}
			}
		}
		mounts, _ := service["volumes"].([]any)
		for _, m := range mounts {
			from, to, _ := strings.Cut(m.(string), ":")
			if _, ok := volumes[from]; !ok && !strings.HasPrefix(from, "./") {
				t.Errorf("%s has the volume %s, which is not there", name, from)
			}
			if strings.HasPrefix(to, "/data") {
				if data[from] {
					t.Errorf("%s shares its directory %s with another", name, from)
				}
				data[from] = true
			}
		}
		if strings.HasPrefix(name, "kelisim-") {
			shared = append(shared, fmt.Sprint(service["environment"]))
			if service["read_only"] != true || fmt.Sprint(service["cap_drop"]) != "[ALL]" {
				t.Errorf("%s has more rights than it needs", name)
			}
		}
		if image, _ := service["image"].(string); image != "kelisim" && !regexp.MustCompile(`^[a-z0-9./-]+:[0-9]`).MatchString(image) {
			t.Errorf("%s has the image %q, without its release", name, image)
		}
		for _, port := range regexp.MustCompile(`\d[\d.]*:\d+`).FindAllString(fmt.Sprint(service["ports"]), -1) {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is open to others without TLS: %s", name, port)
			}
		}
	}
	if len(shared) != 3 || shared[0] != shared[1] || shared[1] != shared[2] || !strings.Contains(shared[0], "esdb://") || !strings.Contains(shared[0], "postgres://") {
		t.Errorf("the instances are set up by\n%s", strings.Join(shared, "\n"))
	}
	if len(data) != 4 {
		t.Errorf("%d directories for three instances and a witness", len(data))
	}
}

// The image and the unit are built as the ritual builds the program, static and without what it does not need.
func TestDeployedBuildIsTheTestedOne(t *testing.T) {
	ritual, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`static_tags=(\S+)`).FindSubmatch(ritual)
	if tags == nil || !bytes.Contains(ritual, []byte(`-linkmode external -extldflags '-static'`)) {
		t.Fatal("the ritual builds nothing static")
	}
	for file, wants := range map[string][]string{
		"Dockerfile":      {"-tags " + string(tags[1]), `-linkmode external -extldflags '-static'`, "-X main.release=", "\nUSER 65532", ":nonroot", "\nVOLUME /data"},
		"kelisim.service": {"-tags " + string(tags[1])},
	} {
		for _, want := range wants {
			if !strings.Contains(deployed(t, file), want) {
				t.Errorf("%s has no %q", file, want)
			}
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if release == nil || !strings.Contains(deployed(t, "Dockerfile"), "FROM golang:"+string(release[1])+"-") {
		t.Errorf("the image is not built by Go %s", release)
	}
}

// The unit is one that systemd takes, and leaves the program as little as it needs.
func TestUnitIsTaken(t *testing.T) {
	text := deployed(t, "kelisim.service")
	for _, line := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "StateDirectory=kelisim", "UMask=0077", "LimitCORE=0", "User=kelisim"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit has no %s", line)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze here: what it would say of the unit is not looked at")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kelisim.service")
	if err := os.WriteFile(path, []byte(strings.Replace(text, "ExecStart=/usr/local/bin/kelisim", "ExecStart="+self, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput(); err != nil || bytes.Contains(said, []byte("kelisim.service:")) {
		t.Errorf("systemd says (%v): %s", err, said)
	}
}
