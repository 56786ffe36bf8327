package reports

// AppendText writes a JSON string.
var AppendText = appendText
