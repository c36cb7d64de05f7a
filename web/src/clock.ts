// Gateways without a battery, and laptops, have clocks that are wrong. What a
// gateway stamps and what comes of it at once tell how far the two are apart.

const near = 5000; // ms that the way may take
const valid = 5 * 60_000; // ms after which what was found is not held against what is new

export class Clock {
  private most: number | undefined;
  private at = 0;

  /** A message that was stamped at ts has come. What waited on its way seems to come
      from a clock that is behind, so the least delay counts. */
  hear(ts: number, now: number): void {
    const apart = ts - now;
    if (this.most === undefined || apart > this.most || now - this.at > valid) this.most = apart;
    if (apart > this.most - near) this.at = now;
  }

  /** How far it is ahead of ours, in ms; undefined until something was heard. */
  get ahead(): number | undefined {
    return this.most === undefined ? undefined : Math.abs(this.most) > near ? this.most : 0;
  }
}
