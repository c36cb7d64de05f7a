package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDocumentListsWhatTheBinaryWasMadeOf(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "fieldmq")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "fieldmq/cmd/fieldmq")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var one, two bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &two} {
		if err := write(out, binary, "1.2.3", time.Unix(1e9, 0).UTC()); err != nil {
			t.Fatal(err)
		}
	}
	if one.String() != two.String() {
		t.Error("the same binary has two documents")
	}
	var d document
	if err := json.Unmarshal(one.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Metadata.Component.Version != "1.2.3" || len(d.Metadata.Component.Hashes) != 1 {
		t.Errorf("%+v", d.Metadata)
	}
	for _, want := range []string{"pkg:golang/github.com/goburrow/modbus@v0.1.0", "pkg:golang/gopkg.in/yaml.v3@v3", "pkg:golang/std@1."} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
