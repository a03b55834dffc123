package drafts

import "strings"

// Editor changes drafts of one store.
type Editor struct {
	store *Store
	texts map[string]string
}

// NewEditor makes an editor, which belongs to one person.
func NewEditor(store *Store) *Editor {
	return &Editor{store: store, texts: map[string]string{}}
}

// Append adds a line to the draft.
func (e *Editor) Append(name, line string) error {
	text, known := e.texts[name]
	draft := e.store.Get(name)
	if !known {
		text = draft.Text
	}
	text += strings.TrimRight(line, "\n") + "\n"
	if err := e.store.Put(name, text, draft.Revision); err != nil {
		return err
	}
	e.texts[name] = text
	return nil
}

// Lines returns what the editor last knew.
func (e *Editor) Lines(name string) []string {
	return strings.Split(strings.TrimSuffix(e.texts[name], "\n"), "\n")
}
