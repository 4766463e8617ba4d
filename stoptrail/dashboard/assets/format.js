// Numbers, times and words as people read them. What is not known is a dash.
const NONE = "–";
const plain = new Map();

// "negative": what rounds to zero has no sign.
function written(value, least, most) {
  const key = `${least} ${most}`;
  if (!plain.has(key)) plain.set(key, new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most, signDisplay: "negative" }));
  return plain.get(key).format(value);
}

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

// A sign is a real minus, as wide as a plus.
const signed = (text, value) => (value > 0 ? `+${text}` : text.replace("-", "−"));

export function price(value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  const digits = size >= 1000 ? 2 : size >= 1 ? 4 : 8;
  return written(value, size >= 1000 ? 2 : 0, digits).replace("-", "−");
}
export const units = (value) => (known(value) ? written(value, 0, 8).replace("-", "−") : NONE);
export const roughly = (value) => (known(value) ? written(value, 0, Math.abs(value) >= 1000 ? 1 : Math.abs(value) >= 1 ? 3 : 6) : NONE);
export const money = (value) => (known(value) ? written(value, 2, 2).replace("-", "−") : NONE);
export const result = (value) => (known(value) ? signed(written(value, 2, 2), Math.round(value * 100)) : NONE);
export const share = (value, digits = 2) => (known(value) ? `${written(value * 100, digits, digits).replace("-", "−")}%` : NONE);
export const change = (value, digits = 2) => (known(value) ? `${signed(written(value * 100, digits, digits), Math.round(value * 1e4))}%` : NONE);
export const multiple = (value) => (known(value) ? `${signed(written(value, 2, 2), Math.round(value * 100))} R` : NONE);
export const count = (value) => (known(value) ? written(value, 0, 0) : NONE);
export const tone = (value) => (!known(value) || Math.abs(value) < 0.005 ? "" : value > 0 ? "up" : "down");

const two = (value) => String(value).padStart(2, "0");

export function moment(time, seconds = false) {
  if (!known(time)) return NONE;
  const at = new Date(time);
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds ? `:${two(at.getUTCSeconds())}` : ""}`;
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${clock}`;
}
export const day = (time) => moment(time).slice(0, 10);

// A length of time in its two greatest units.
export function span(milliseconds) {
  if (!known(milliseconds)) return NONE;
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${two(seconds % 60)} s` : `${seconds} s`;
}
// The dashboard's clock, which this browser's may differ from.
let offset = 0;
export const setClock = (theirs) => { offset = theirs - Date.now(); };
export const now = () => Date.now() + offset;

// How long ago something was by a clock that is `ahead` of the dashboard's, ms.
export const ago = (time, ahead = 0) => (known(time) ? `${span(now() + ahead - time)} ago` : NONE);

// When the candle that is open now closes; candles divide the UTC day.
export const nextClose = (interval, time = now()) => interval - (time % interval);
export function countdown(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

export const sideName = (side) => (side > 0 ? "long" : "short");
export { NONE };
