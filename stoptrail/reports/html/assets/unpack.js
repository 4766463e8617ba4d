// The data block, and the way back from base64 columns to numbers.
const run = JSON.parse(document.getElementById("run-data").textContent);

const arrays = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// Whole numbers of any length: seven bits a byte, the lowest first, the sign in the lowest bit.
function unpackStream(bytes) {
  const values = new Float64Array(bytes.length);
  let [count, value, scale] = [0, 0, 1];
  for (let i = 0; i < bytes.length; i += 1) {
    value += (bytes[i] & 127) * scale;
    scale *= 128;
    if (bytes[i] < 128) {
      values[count] = value % 2 ? -(value + 1) / 2 : value / 2;
      count += 1;
      value = 0;
      scale = 1;
    }
  }
  return values.subarray(0, count);
}

function unpack(column) {
  const text = atob(column.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  if (column.type === "v") return unpackStream(bytes);
  return new arrays[column.type](bytes.buffer);
}

// Packed minutes as milliseconds, which a date axis reads as UTC.
const unpackTimes = (column) => Array.from(unpack(column), (minute) => minute * 60000);

// Packed candles as objects; times in seconds.
function readCandles(packed) {
  const [open, high, low, close] = ["open", "high", "low", "close"].map((name) => unpack(packed[name]));
  const jumps = new Map();
  if (packed.holes) {
    const lengths = unpack(packed.jumps);
    unpack(packed.holes).forEach((place, k) => jumps.set(place, lengths[k]));
  }
  const whole = Math.round(1 / packed.unit); // dividing by it gives the decimal itself
  const price = (steps) => (whole > 1 ? steps / whole : steps * packed.unit);
  let [before, time] = [packed.first, packed.start * 60 - packed.step * 60];
  return Array.from(open, (_, k) => {
    const [o, c] = [before + open[k], before + close[k]];
    time += (jumps.size && jumps.has(k) ? jumps.get(k) : 1) * packed.step * 60;
    before = c;
    return { time, open: price(o), high: price(Math.max(o, c) + high[k]), low: price(Math.min(o, c) - low[k]), close: price(c) };
  });
}

const element = (id) => document.getElementById(id);

const dayOf = (time) => new Date(time).toISOString().slice(0, 10);
const momentOf = (time) => new Date(time).toISOString().slice(0, 16).replace("T", " ");

const percentOf = (value) => `${(value * 100).toFixed(1)} %`;

function numberOf(value, digits = 2) {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// Prices of any size: at least two decimals, and enough for five figures.
function priceOf(value) {
  const size = Number.isFinite(value) && value > 0 ? Math.floor(Math.log10(value)) : 0;
  return numberOf(value, Math.min(Math.max(2, 4 - size), 14));
}

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
