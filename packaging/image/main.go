// Command image packs binaries into a container image from scratch, one tar in
// the layout of the Open Container Initiative for all architectures. It needs no
// daemon, and the same binaries make the same file.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// Types of what stands in an image.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// user is who runs in the container: nobody who is somebody outside.
const user = 65532

func main() {
	version := flag.String("version", "dev", "version, and tag of the image")
	epoch := flag.Int64("epoch", 0, "seconds since 1970 of the time that all files bear")
	out := flag.String("o", "fieldmq.oci.tar", "file to write")
	flag.Parse()
	if err := build(*out, *version, time.Unix(*epoch, 0).UTC(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// platform is what an image runs on: "linux/arm/v6=dist/fieldmq" names one with
// its binary.
type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// image collects the blobs of an image, in order.
type image struct {
	time  time.Time
	blobs []blob
}

type blob struct {
	digest string
	text   []byte
}

func (i *image) add(mediaType string, text []byte) descriptor {
	sum := sha256.Sum256(text)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(text)}
	i.blobs = append(i.blobs, blob{d.Digest, text})
	return d
}

func (i *image) addJSON(mediaType string, v any) (descriptor, error) {
	text, err := json.Marshal(v)
	return i.add(mediaType, text), err
}

func build(out, version string, at time.Time, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("name binaries: linux/amd64=FILE linux/arm/v6=FILE")
	}
	i := &image{time: at}
	var manifests []descriptor
	for _, arg := range args {
		where, file, ok := strings.Cut(arg, "=")
		parts := append(strings.Split(where, "/"), "")
		if !ok || len(parts) < 3 {
			return fmt.Errorf("%q is not linux/amd64=FILE", arg)
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		m, err := i.manifest(platform{parts[0], parts[1], parts[2]}, binary, version)
		if err != nil {
			return err
		}
		m.Annotations = map[string]string{"org.opencontainers.image.ref.name": version}
		manifests = append(manifests, m)
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests})
	if err != nil {
		return err
	}
	return i.write(out, index)
}

// manifest adds the image of one platform.
func (i *image) manifest(p platform, binary []byte, version string) (descriptor, error) {
	files, err := i.files(binary)
	if err != nil {
		return descriptor{}, err
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is one
	if _, err := z.Write(files); err != nil {
		return descriptor{}, err
	}
	if err := z.Close(); err != nil {
		return descriptor{}, err
	}
	layer := i.add(layerType, packed.Bytes())
	sum := sha256.Sum256(files)
	config, err := i.addJSON(configType, map[string]any{
		"created": i.time.Format(time.RFC3339), "os": p.OS, "architecture": p.Architecture, "variant": p.Variant,
		"config": map[string]any{
			"User":       fmt.Sprint(user),
			"Entrypoint": []string{"/usr/bin/fieldmq"},
			"Cmd":        []string{"run"},
			"Env":        []string{"PATH=/usr/bin", "STATE_DIRECTORY=/var/lib/fieldmq"},
			"Volumes":    map[string]any{"/etc/fieldmq": struct{}{}, "/var/lib/fieldmq": struct{}{}},
			"WorkingDir": "/etc/fieldmq",
			"StopSignal": "SIGTERM",
			"Labels":     map[string]string{"org.opencontainers.image.version": version, "org.opencontainers.image.title": "fieldmq", "org.opencontainers.image.licenses": "Apache-2.0"},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
		"history": []map[string]any{{"created": i.time.Format(time.RFC3339), "created_by": "fieldmq packaging/image"}},
	})
	if err != nil {
		return descriptor{}, err
	}
	m, err := i.addJSON(manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{layer},
	})
	m.Platform = &p
	return m, err
}

// files is the file system of the image: the binary, and the folders of the
// package.
func (i *image) files(binary []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name  string
		mode  int64
		owner int
		text  []byte
	}{
		{"etc/", 0o755, 0, nil},
		{"etc/fieldmq/", 0o755, 0, nil},
		{"tmp/", 0o1777, 0, nil},
		{"usr/", 0o755, 0, nil},
		{"usr/bin/", 0o755, 0, nil},
		{"usr/bin/fieldmq", 0o755, 0, binary},
		{"var/", 0o755, 0, nil},
		{"var/lib/", 0o755, 0, nil},
		{"var/lib/fieldmq/", 0o750, user, nil},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.text)), ModTime: i.time, Typeflag: tar.TypeReg}
		if f.text == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// write writes the layout.
func (i *image) write(out string, index []byte) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, text []byte) error {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: i.time, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	if err := add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := add("index.json", index); err != nil {
		return err
	}
	written := map[string]bool{}
	for _, blob := range i.blobs {
		if written[blob.digest] {
			continue
		}
		written[blob.digest] = true
		if err := add("blobs/sha256/"+strings.TrimPrefix(blob.digest, "sha256:"), blob.text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
