package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func pack(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	binary, out := filepath.Join(dir, "b"), filepath.Join(dir, "i.tar")
	if err := os.WriteFile(binary, []byte("not really a binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := build(out, "1.2.3", time.Unix(1e9, 0).UTC(), []string{"linux/amd64=" + binary, "linux/arm/v6=" + binary}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func untar(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSameBinariesMakeTheSameImage(t *testing.T) {
	if !bytes.Equal(pack(t), pack(t)) {
		t.Error("they differ")
	}
}

// TestImageHoldsTogether follows each digest to what it names.
func TestImageHoldsTogether(t *testing.T) {
	files := untar(t, pack(t))
	blob := func(d descriptor) []byte {
		t.Helper()
		text := files["blobs/sha256/"+d.Digest[len("sha256:"):]]
		sum := sha256.Sum256(text)
		if len(text) != d.Size || "sha256:"+hex.EncodeToString(sum[:]) != d.Digest {
			t.Fatalf("%s is not what it says", d.Digest)
		}
		return text
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 2 || len(files["oci-layout"]) == 0 {
		t.Fatalf("%v: %s", err, files["index.json"])
	}
	if p := index.Manifests[1].Platform; p.Architecture != "arm" || p.Variant != "v6" {
		t.Errorf("the second is for %+v", p)
	}
	for _, m := range index.Manifests {
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		if err := json.Unmarshal(blob(m), &manifest); err != nil || len(manifest.Layers) != 1 {
			t.Fatalf("%v: %+v", err, manifest)
		}
		var config struct {
			Config struct{ User string }
			Rootfs struct {
				DiffIDs []string `json:"diff_ids"`
			}
		}
		if err := json.Unmarshal(blob(manifest.Config), &config); err != nil || config.Config.User != "65532" {
			t.Fatalf("%v: %+v", err, config)
		}
		z, err := gzip.NewReader(bytes.NewReader(blob(manifest.Layers[0])))
		if err != nil {
			t.Fatal(err)
		}
		layer, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(layer)
		if config.Rootfs.DiffIDs[0] != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Error("the layer is not the one of the configuration")
		}
		if got := untar(t, layer)["usr/bin/fieldmq"]; string(got) != "not really a binary" {
			t.Errorf("the binary is %q", got)
		}
	}
}
