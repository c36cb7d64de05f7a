package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is Debian's Chromium with one page, driven over its debugging pipe:
// JSON objects with a zero byte behind each.
// (https://chromedevtools.github.io/devtools-protocol)
type browser struct {
	t       *testing.T
	to      *os.File
	session string // of the page

	mu      sync.Mutex
	last    int
	answers map[int]chan reply
	faults  []string // what the page's console called an error
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// browse opens a browser for the test.
func browse(t *testing.T) *browser {
	t.Helper()
	profile := t.TempDir()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--hide-scrollbars", "--force-color-profile=srgb", "--lang=en", "--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{inR, outW} // descriptors 3 and 4
	cmd.Env = append(os.Environ(), "LANG=en_US.UTF-8", "HOME="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start chromium (`make tools` installs it): %v", err)
	}
	inR.Close()
	outW.Close()
	b := &browser{t: t, to: inW, answers: map[int]chan reply{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(outR)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its helpers, too
		cmd.Wait()
		inW.Close()
		outR.Close()
		<-read
	})
	b.open()
	return b
}

// open makes the page and watches its console.
func (b *browser) open() {
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
}

// read takes answers and events in until the browser is gone.
func (b *browser) read(from *os.File) {
	in := bufio.NewReader(from)
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if answer := b.answers[m.ID]; answer != nil {
			delete(b.answers, m.ID)
			answer <- m.reply
		}
		if m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`) {
			b.faults = append(b.faults, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// call asks the browser for something.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.answers[id] = answer
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method, "params": params}
	if params == nil {
		m["params"] = map[string]any{}
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatalf("chromium: %s: %v", method, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			b.t.Fatalf("chromium: %s: %s", method, r.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(r.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(patience):
		b.t.Fatalf("chromium: %s: no answer", method)
	}
}

// eval is the value of an expression of JavaScript on the page; promises are
// waited for.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails.Exception.Description)
	}
	return r.Result.Value
}

// visit loads an address.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
}

// size makes the window as large, of a phone if it is narrow.
func (b *browser) size(width, height int, dark bool) {
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// until waits for an expression to be true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if b.eval("Boolean("+expression+")") == true {
			return
		}
	}
	b.shot("failed")
	b.t.Fatalf("the page does not show %s (%s); it shows:\n%v\nconsole: %s", what, expression, b.eval("document.body.innerText"), b.said())
}

// sees waits for a text on the page.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("%q", text), fmt.Sprintf("(document.body?.innerText ?? '').includes(%s)", quoted(text)))
	}
}

// click clicks the first thing that a selector finds, with a mouse.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.until(selector, fmt.Sprintf("document.querySelector(%s)", quoted(selector)))
	at := b.eval(fmt.Sprintf(`(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })(document.querySelector(%s))`, quoted(selector))).([]any)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// types puts a text into a field, in the place of what is there.
func (b *browser) types(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.eval(fmt.Sprintf("document.querySelector(%s).select()", quoted(selector)))
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// chooses chooses from a list, by the value.
func (b *browser) chooses(selector, value string) {
	b.t.Helper()
	option := fmt.Sprintf("%s option[value=%s]", selector, quoted(value))
	b.until(option, fmt.Sprintf("document.querySelector(%s)", quoted(option)))
	b.eval(fmt.Sprintf(`(e => { e.value = %s; e.dispatchEvent(new Event('change', {bubbles: true})); })(document.querySelector(%s))`, quoted(value), quoted(selector)))
}

// press presses a key with a name of its own, such as Tab or Enter.
func (b *browser) press(key string, code int) {
	for _, kind := range []string{"rawKeyDown", "char", "keyUp"} {
		event := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if kind == "char" {
			if key != "Enter" {
				continue
			}
			event["text"] = "\r"
		}
		b.call("Input.dispatchKeyEvent", event, nil)
	}
}

func quoted(text string) string {
	s, _ := json.Marshal(text) // a string can be
	return string(s)
}

// said is what the console called an error.
func (b *browser) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.faults, "\n")
}

// ripen waits, where pictures are taken, until the charts have something to show.
func (b *browser) ripen() {
	if os.Getenv("PAGE_SHOTS") != "" {
		time.Sleep(2 * time.Minute)
	}
}

// shot takes a picture of the window, if PAGE_SHOTS names a folder for them.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("PAGE_SHOTS")
	if dir == "" {
		return
	}
	b.eval("scrollTo(0, 0)")
	var picture struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &picture)
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
