package access

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// hash recognises a password.
type hash interface {
	fits(password []byte) bool
}

// What Encode makes: some tenths of a second on the smallest board, and memory
// that it has.
const (
	hashMemory = 12 << 10 // KiB
	hashTime   = 3        // passes
	hashLength = 32       // bytes
	saltLength = 16       // bytes
)

// Bounds of what is read: a line of a file must not exhaust the machine.
const (
	mostMemory     = 128 << 10 // KiB
	mostTime       = 16
	mostThreads    = 16
	mostIterations = 10_000_000
	mostHash       = 512 // bytes of a salt or a sum
)

// Encode is a hash of the password as it stands in a file of users: Argon2id
// (RFC 9106) with a new salt, in the form that is common for it.
func Encode(password []byte) string {
	h := newArgon(password)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.memory, h.time, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// argonHash is Argon2id.
type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// newArgon hashes a password with a new salt.
func newArgon(password []byte) *argonHash {
	h := &argonHash{memory: hashMemory, time: hashTime, threads: 1, salt: make([]byte, saltLength)}
	_, _ = rand.Read(h.salt) // never fails
	h.sum = argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, hashLength)
	return h
}

func (h *argonHash) fits(password []byte) bool {
	sum := argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// pbkdf2Hash is what mosquitto_passwd writes: PBKDF2 with SHA-512.
type pbkdf2Hash struct {
	iterations int
	salt, sum  []byte
}

func (h *pbkdf2Hash) fits(password []byte) bool {
	sum, err := pbkdf2.Key(sha512.New, string(password), h.salt, h.iterations, len(h.sum))
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// sha512Hash is what older mosquitto_passwd wrote: SHA-512 of password and salt.
type sha512Hash struct{ salt, sum []byte }

func (h *sha512Hash) fits(password []byte) bool {
	sum := sha512.Sum512(bytes.Join([][]byte{password, h.salt}, nil))
	return subtle.ConstantTimeCompare(sum[:], h.sum) == 1
}

// parseHash reads what stands behind a name in a file of users: a hash, or a
// password in the clear.
func parseHash(text string) (hash, error) {
	parts := strings.Split(text, "$")
	switch {
	case isPlain(text):
		return newPlain(text), nil
	case len(parts) == 6 && parts[0] == "" && parts[1] == "argon2id":
		return parseArgon(parts[2:])
	case len(parts) == 5 && parts[0] == "" && parts[1] == "7":
		return parsePBKDF2(parts[2:])
	case len(parts) == 4 && parts[0] == "" && parts[1] == "6":
		return parseSHA512(parts[2:])
	}
	return nil, errors.New("no hash of a kind that is known behind the name; write the line with `fieldmq passwd`")
}

func parseArgon(parts []string) (hash, error) {
	h := &argonHash{}
	var version int
	if n, err := fmt.Sscanf(parts[0], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return nil, fmt.Errorf("argon2id of another version than %d", argon2.Version)
	}
	if n, err := fmt.Sscanf(parts[1], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return nil, errors.New("argon2id without its costs m, t and p")
	}
	if h.memory < 8 || h.memory > mostMemory || h.time < 1 || h.time > mostTime || h.threads < 1 || h.threads > mostThreads {
		return nil, fmt.Errorf("argon2id that costs more than m=%d,t=%d,p=%d", mostMemory, mostTime, mostThreads)
	}
	var err error
	h.salt, h.sum, err = saltAndSum(base64.RawStdEncoding, parts[2], parts[3])
	return h, err
}

func parsePBKDF2(parts []string) (hash, error) {
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 1 || n > mostIterations {
		return nil, fmt.Errorf("PBKDF2 with other than 1 to %d iterations", mostIterations)
	}
	salt, sum, err := saltAndSum(base64.StdEncoding, parts[1], parts[2])
	return &pbkdf2Hash{n, salt, sum}, err
}

func parseSHA512(parts []string) (hash, error) {
	salt, sum, err := saltAndSum(base64.StdEncoding, parts[0], parts[1])
	if err == nil && len(sum) != sha512.Size {
		err = errors.New("hash is cut short")
	}
	return &sha512Hash{salt, sum}, err
}

func saltAndSum(b64 *base64.Encoding, one, two string) (salt, sum []byte, err error) {
	salt, errSalt := b64.DecodeString(one)
	sum, errSum := b64.DecodeString(two)
	switch {
	case errSalt != nil || errSum != nil:
		return nil, nil, errors.New("salt or hash is not base64")
	case len(salt) == 0 || len(sum) < 16 || len(salt) > mostHash || len(sum) > mostHash:
		return nil, nil, errors.New("salt or hash is cut short")
	}
	return salt, sum, nil
}
