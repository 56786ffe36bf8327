package tlog

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sink takes the files of a bundle, one after another, by names with slashes.
type Sink interface {
	// Create begins a file; the one before it is at its end.
	Create(name string) (io.Writer, error)
	// Close ends the bundle. Without it what was written is no bundle.
	Close() error
}

// ZipSink writes a bundle as a zip file. The same files give the same bytes: no time is in it.
func ZipSink(w io.Writer) Sink {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	return zipSink{z}
}

type zipSink struct{ z *zip.Writer }

func (s zipSink) Create(name string) (io.Writer, error) {
	method := zip.Deflate
	if strings.HasPrefix(name, "tile/") && !strings.HasPrefix(name, "tile/entries/") {
		method = zip.Store // hashes do not get smaller
	}
	return s.z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: time.Time{}})
}

func (s zipSink) Close() error { return s.z.Close() }

// DirSink writes a bundle as a directory, which must not be there or be empty.
func DirSink(path string) (Sink, error) {
	there, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("write a bundle: %s is not empty", path)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	return &dirSink{path: path}, nil
}

type dirSink struct {
	path string
	file *os.File
	buf  *bufio.Writer
}

func (s *dirSink) Create(name string) (io.Writer, error) {
	if err := s.end(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.path, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	s.file, s.buf = f, bufio.NewWriter(f)
	return s.buf, nil
}

func (s *dirSink) end() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return errors.Join(s.buf.Flush(), f.Close())
}

func (s *dirSink) Close() error { return s.end() }
