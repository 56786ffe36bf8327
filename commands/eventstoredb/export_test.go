package eventstoredb

// Settings reads a connection string and connects nowhere; Coded finds the client's code in an error.
var (
	Settings = settings
	Coded    = coded
)
