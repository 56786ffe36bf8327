package reads

import "kelisim/domain"

// Command is any wish about the record of reads.
type Command interface{ isCommand() }

// Read records a reading before anything is shown. A reader other than the person says why.
type Read struct {
	Fields  []string        `json:"fields"`
	Purpose domain.Personal `json:"purpose,omitzero"`
	Route   string          `json:"route"`
}

func (Read) isCommand() {}
