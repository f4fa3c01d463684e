package exit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestOf(t *testing.T) {
	told := New(Busy, "leave", "in use: %w", os.ErrPermission)
	if !errors.Is(told, os.ErrPermission) || told.Text != "in use: permission denied" {
		t.Errorf("got %q", told.Text)
	}
	if got := Of(fmt.Errorf("unmount: %w", told)); got != told {
		t.Errorf("the wrapped error comes back as %+v", got)
	}
	if got := Of(os.ErrExist); got.Code != Failed || !errors.Is(got, os.ErrExist) {
		t.Errorf("any other error comes back as %+v", got)
	}
	if Of(nil) != nil {
		t.Error("nil is an error")
	}
}

// What crosses the pipe and the socket is what a person sees, no more.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(New(NotSent, "wait", "left").Because(errors.New("inner")))
	if want := `{"code":10,"error":"left","hint":"wait"}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v; want %s", data, err, want)
	}
}

// The codes are promised: one row each, numbered without a gap, so that none is changed or forgotten by accident.
func TestTable(t *testing.T) {
	for i, r := range Table() {
		if int(r.Code) != i || r.Meaning == "" {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if last := Table()[len(Table())-1].Code; last != Missing {
		t.Errorf("the last row is of %d, want %d", last, Missing)
	}
}
