package calendar_test

import (
	"maps"
	"testing"

	"kelisim/domain/calendar"
)

func TestHolidays(t *testing.T) {
	got := calendar.Holidays([]string{"2026-03-23", "Nauryz", "2026-02-30", "2026-03-23", "2026-12-16"})
	want := map[calendar.Day]bool{day(t, "2026-03-23"): true, day(t, "2026-12-16"): true}
	if !maps.Equal(got, want) {
		t.Errorf("holidays are %v, want %v", got, want)
	}
}
