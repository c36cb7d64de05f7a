// What a point was in the last minutes, for its chart.

const most = 4000; // samples a point
const reach = 60 * 60 * 1000; // and how old they may be

export class Series {
  readonly times: number[] = []; // ms
  readonly values: number[] = [];

  /** Adds a sample in its place; one that is there already is not added twice. */
  add(time: number, value: number): void {
    const { times, values } = this;
    let i = times.length;
    while (i > 0 && times[i - 1] > time) i--;
    if (i > 0 && times[i - 1] === time) {
      values[i - 1] = value;
      return;
    }
    times.splice(i, 0, time);
    values.splice(i, 0, value);
    if (times.length > most || times[0] < time - reach) {
      times.shift();
      values.shift();
    }
  }

  /** Samples since a time, and the one before that the line comes from. */
  since(time: number): [number[], number[]] {
    let i = this.times.findIndex((t) => t >= time);
    if (i < 0) i = this.times.length;
    i = Math.max(0, i - 1);
    return [this.times.slice(i), this.values.slice(i)];
  }
}
