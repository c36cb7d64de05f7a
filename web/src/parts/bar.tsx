/** A share of something as a bar: calm, then noticeable, then full. */
export function Bar({ share, label }: { share: number; label: string }) {
  const percent = Math.max(0, Math.min(100, share * 100));
  const class_ = percent >= 95 ? 'full' : percent >= 80 ? 'much' : '';
  return (
    <div class="bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(percent)}>
      <div class={`bar-fill ${class_}`} style={{ width: `${percent}%` }} />
    </div>
  );
}
