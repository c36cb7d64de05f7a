// In the place of the package debug, for modules that require it: nothing is
// printed.

module.exports = function debug() {
  return Object.assign(() => undefined, { extend: debug });
};
