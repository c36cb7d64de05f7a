import { count } from '../words';

/** Reasons with how often each was met, the most frequent first. */
export function Counts({ of, none }: { of: Record<string, number>; none: string }) {
  const all = Object.entries(of).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  if (all.length === 0) return <p class="dim small">{none}</p>;
  return (
    <table class="counts small">
      <tbody>{all.map(([reason, n]) => <tr key={reason}><td>{reason}</td><td class="num">{count(n)}</td></tr>)}</tbody>
    </table>
  );
}
