// In the place of the package worker-timers, whose worker is a blob that the
// page's security policy does not allow. The keep alive is long enough for the
// timers of a page in the background.

export const setInterval = globalThis.setInterval.bind(globalThis);
export const clearInterval = globalThis.clearInterval.bind(globalThis);
