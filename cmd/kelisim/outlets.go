package main

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"

	"kelisim/commands/bus"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/http/strictjson"
)

// outletSetting is one outlet of the file that --outlets names. The file holds no secret: it names the variables of the environment that do.
type outletSetting struct {
	Name  string          `json:"name" required:"true"`
	Kind  string          `json:"kind" required:"true"`
	Types []string        `json:"types"`
	After json.RawMessage `json:"after"` // "beginning", "now", or the last position that the outlet has

	URL     string   `json:"url"`     // of a web hook, or of NATS: several with commas between them
	Brokers []string `json:"brokers"` // of Kafka
	Topic   string   `json:"topic"`   // of Kafka; where NATS subjects begin

	SecretEnv       string `json:"secret_env"`
	Username        string `json:"username"`
	PasswordEnv     string `json:"password_env"`
	TokenEnv        string `json:"token_env"`
	CredentialsFile string `json:"credentials_file"`
	TLS             bool   `json:"tls"`
	CAFile          string `json:"ca_file"`
	AllowPrivate    bool   `json:"allow_private"`

	start           bus.Start
	roots           *x509.CertPool
	secrets         bus.Secrets
	password, token string
}

// goes tells which settings a kind has beside those that all have.
var goes = map[string]string{
	bus.Hook:  "url secret_env allow_private ca_file",
	bus.NATS:  "url topic username password_env token_env credentials_file ca_file",
	bus.Kafka: "brokers topic username password_env tls ca_file",
}

var outletName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// readOutlets reads a file of outlets to the letter, and the secrets that it names.
func (p *program) readOutlets(path string) ([]*outletSetting, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("--outlets: %w", err)
	}
	all, err := parseOutlets(data)
	if err != nil {
		return nil, misuse("--outlets: %s: %w", path, err)
	}
	for _, o := range all {
		if err := o.resolve(p.getenv); err != nil {
			return nil, misuse("--outlets: %s: outlet %s: %w", path, o.Name, err)
		}
	}
	return all, nil
}

// parseOutlets reads the text of a file, and looks at nothing else.
func parseOutlets(data []byte) ([]*outletSetting, error) {
	tree, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		return nil, errors.New("/outlets: a list is wanted")
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, errors.New("this is not a file of outlets")
	}
	var file struct {
		Outlets []*outletSetting `json:"outlets" required:"true"`
	}
	if err := strictjson.Decode(asJSON, &file); err != nil {
		var fault *domain.Error
		if errors.As(err, &fault) {
			return nil, fmt.Errorf("%s: %s", cmp.Or(fault.Pointer, "/"), fault.Detail)
		}
		return nil, err
	}
	seen := map[string]bool{}
	for i, o := range file.Outlets {
		if o == nil || !outletName.MatchString(o.Name) || seen[o.Name] {
			return nil, fmt.Errorf("/outlets/%d/name: a name of its own is wanted: small letters, digits and hyphens, 40 at most", i)
		}
		seen[o.Name] = true
		if err := o.check(); err != nil {
			return nil, fmt.Errorf("outlet %s: %w", o.Name, err)
		}
	}
	return file.Outlets, nil
}

func (o *outletSetting) check() error {
	may, ok := goes[o.Kind]
	if !ok {
		return fmt.Errorf("kind: one of %s, %s, %s is wanted", bus.NATS, bus.Kafka, bus.Hook)
	}
	for name, given := range map[string]bool{
		"url": o.URL != "", "brokers": len(o.Brokers) > 0, "topic": o.Topic != "", "secret_env": o.SecretEnv != "", "username": o.Username != "", "password_env": o.PasswordEnv != "",
		"token_env": o.TokenEnv != "", "credentials_file": o.CredentialsFile != "", "tls": o.TLS, "ca_file": o.CAFile != "", "allow_private": o.AllowPrivate,
	} {
		if given && !slices.Contains(strings.Fields(may), name) {
			return fmt.Errorf("%s: an outlet of kind %s has none", name, o.Kind)
		}
	}
	switch {
	case o.Kind != bus.Kafka && o.URL == "":
		return errors.New("url is missing")
	case o.Kind == bus.NATS && strings.Contains(o.URL, "@"):
		return errors.New("url: a name and a word for NATS go into username and password_env, token_env or credentials_file")
	case o.Kind == bus.Kafka && (len(o.Brokers) == 0 || o.Topic == ""):
		return errors.New("brokers and topic are wanted")
	case o.Kind == bus.Hook && o.SecretEnv == "":
		return errors.New("secret_env is missing: it names the variable of the environment that holds the secret to sign with")
	case (o.Username != "") != (o.PasswordEnv != ""):
		return errors.New("username and password_env go together")
	case o.Kind == bus.Kafka && o.Username != "" && !o.TLS:
		return errors.New("a password for Kafka is sent over TLS alone: set tls")
	case strings.ContainsAny(o.Topic, " *>\t\r\n") || strings.HasPrefix(o.Topic, ".") || strings.HasSuffix(o.Topic, "."):
		return errors.New("topic: words with full stops between them are wanted")
	}
	for _, pattern := range o.Types {
		one := bus.Types{pattern}
		if !slices.ContainsFunc(catalogue.All().Types(), func(t event.Type) bool { return one.Match(t.Name()) }) {
			return fmt.Errorf("types: no event is %q; a type, or a beginning such as consent.*, is wanted", pattern)
		}
	}
	return o.begin()
}

// begin reads after.
func (o *outletSetting) begin() error {
	switch after := strings.Trim(string(o.After), `"`); after {
	case "", "null", "beginning":
	case "now":
		o.start.Now = true
	default:
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 0 {
			return errors.New("after: beginning, now, or the last position that the outlet has is wanted")
		}
		o.start.After = n
	}
	return nil
}

// resolve reads what the settings name outside of the file.
func (o *outletSetting) resolve(getenv func(string) string) (err error) {
	secret := func(setting, name string) string {
		value := getenv(name)
		if name != "" && value == "" {
			err = errors.Join(err, fmt.Errorf("%s: %s is not set in the environment", setting, name))
		}
		return value
	}
	o.password, o.token = secret("password_env", o.PasswordEnv), secret("token_env", o.TokenEnv)
	if value := secret("secret_env", o.SecretEnv); value != "" {
		var wrong error
		if o.secrets, wrong = bus.ParseSecrets(value); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", o.SecretEnv, wrong))
		}
	}
	if o.CredentialsFile != "" {
		info, wrong := os.Stat(o.CredentialsFile)
		if wrong == nil && info.Mode().Perm()&0o077 != 0 {
			wrong = errors.New("others than its owner may read it: chmod 600")
		}
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("credentials_file: %w", wrong))
		}
	}
	if o.CAFile != "" {
		pem, wrong := os.ReadFile(o.CAFile)
		if o.roots = x509.NewCertPool(); wrong == nil && !o.roots.AppendCertsFromPEM(pem) {
			wrong = errors.New("it holds no certificate in PEM")
		}
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("ca_file: %w", wrong))
		}
	}
	return err
}
