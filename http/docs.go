package http

import (
	"bytes"
	"embed"
	_ "embed"
	"fmt"
	"html/template"
	"path"
	"strconv"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openapiYAML []byte

// The explorer: Swagger UI as its authors ship it, unchanged, with its licence and the hashes of its files in docs/vendor/vendor.json; what
// is ours lies beside it. It runs under a policy that knows no other host and no script inside a page.
//
//go:embed docs
var docsFiles embed.FS

// openapiJSON turns the document into JSON, in the order in which it is written.
func openapiJSON() ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(openapiYAML, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	var b bytes.Buffer
	if err := writeNode(&b, &doc); err != nil {
		return nil, fmt.Errorf("write openapi.json: %w", err)
	}
	return b.Bytes(), nil
}

// writeNode writes a YAML node as JSON. Days and moments, which YAML has a type for, stay the texts that they are.
func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return writeNode(b, n.Content[0])
	case yaml.AliasNode:
		return writeNode(b, n.Alias)
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			name, err := marshal(n.Content[i].Value)
			if err != nil {
				return err
			}
			b.Write(bytes.TrimSpace(name))
			b.WriteByte(':')
			if err := writeNode(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, c); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		return writeScalar(b, n)
	}
	return nil
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	var v any = n.Value
	switch n.Tag {
	case "!!null":
		v = nil
	case "!!bool", "!!int", "!!float":
		if err := n.Decode(&v); err != nil {
			return err
		}
	}
	text, err := marshal(v)
	b.Write(bytes.TrimSpace(text))
	return err
}

func (s *Server) openapi(*Request) (*Response, error) {
	return Bytes("application/json", s.document).With("Cache-Control", "public, max-age=300"), nil
}

const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func page(data []byte) *Response {
	return Bytes("text/html; charset=utf-8", data).With("Content-Security-Policy", docsPolicy)
}

func (s *Server) docs(*Request) (*Response, error) {
	data, err := docsFiles.ReadFile("docs/index.html")
	if err != nil {
		return nil, fmt.Errorf("read the explorer: %w", err)
	}
	return page(data), nil
}

var docsTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

func (s *Server) docsFile(r *Request) (*Response, error) {
	name := r.Var("file")
	mediaType, ok := docsTypes[path.Ext(name)]
	for _, dir := range []string{"docs", "docs/vendor"} {
		if data, err := docsFiles.ReadFile(dir + "/" + name); ok && err == nil && name == path.Base(name) {
			return Bytes(mediaType, data).With("Cache-Control", "public, max-age=3600"), nil
		}
	}
	return nil, refuse("route-not-found", "there is nothing at this path")
}

var problemTemplate = template.Must(template.ParseFS(docsFiles, "docs/problem.html"))

// problemPage explains a code in the three languages: it is what a problem's type points to.
func (s *Server) problemPage(r *Request) (*Response, error) {
	code := r.Var("code")
	x, ok := explanations()[code]
	if !ok {
		return nil, refuse("route-not-found", "there is nothing at this path")
	}
	var b bytes.Buffer
	if err := problemTemplate.Execute(&b, struct {
		Code, Status string
		Words        map[string]words
		Languages    []string
	}{code, strconv.Itoa(x.Status), x.Words, []string{"kk", "ru", "en"}}); err != nil {
		return nil, fmt.Errorf("write the page of a problem: %w", err)
	}
	return page(b.Bytes()), nil
}
