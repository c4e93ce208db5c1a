// For `--require`: a host whose clock is off by QUANTBOT_TEST_CLOCK_MINUTES.
const offsetMs = Number(process.env.QUANTBOT_TEST_CLOCK_MINUTES) * 60_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...given);
  }
  static now() {
    return RealDate.now() + offsetMs;
  }
};
