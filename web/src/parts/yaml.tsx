/** A file of YAML with line numbers, keys and comments set apart. */
export function Yaml({ text, marked }: { text: string; marked: ReadonlySet<number> }) {
  const lines = text.replace(/\n$/, '').split('\n');
  return (
    <pre class="yaml card" tabIndex={0}>
      {lines.map((line, i) => <div key={i} class={marked.has(i + 1) ? 'line marked' : 'line'}><span class="number">{i + 1}</span><code>{paint(line)}</code></div>)}
    </pre>
  );
}

function paint(line: string) {
  const comment = /(^|\s)#.*$/.exec(line);
  const body = comment === null ? line : line.slice(0, comment.index);
  const key = /^(\s*(?:- )?[\w"'./-]+:)(.*)$/.exec(body);
  return (
    <>
      {key === null ? body : <><span class="key">{key[1]}</span>{key[2]}</>}
      {comment !== null && <span class="dim">{comment[0]}</span>}
    </>
  );
}
