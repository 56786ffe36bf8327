package main

import (
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// meter shows how far long work has come: on a terminal, and nothing anywhere else.
type meter struct {
	bars *mpb.Progress // nil: nobody looks
	bar  *mpb.Bar
}

// meter begins a bar of so many units; with 0 it only counts.
func (p *program) meter(what string, total int64) *meter {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &meter{}
	}
	m := &meter{bars: mpb.New(mpb.WithOutput(f), mpb.WithWidth(48))}
	if total > 0 {
		m.bar = m.bars.AddBar(total, mpb.PrependDecorators(decor.Name(what+" ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name("  "), decor.AverageETA(decor.ET_STYLE_MMSS)))
	} else {
		m.bar = m.bars.AddSpinner(0, mpb.PrependDecorators(decor.Name(what+" ")), mpb.AppendDecorators(decor.CurrentNoUnit("%d")))
	}
	return m
}

func (m *meter) add(n int) {
	if m.bar != nil {
		m.bar.IncrBy(n)
	}
}

// end leaves the bar as it stands, so that what is written next begins on a line of its own.
func (m *meter) end() {
	if m.bar != nil {
		m.bar.Abort(false)
		m.bars.Wait()
	}
}
