// The data block, and the way back from base64 columns to numbers.
const run = JSON.parse(document.getElementById("run-data").textContent);

const arrays = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

function unpack(column) {
  const text = atob(column.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new arrays[column.type](bytes.buffer);
}

// Packed minutes as milliseconds, which a date axis reads as UTC.
const unpackTimes = (column) => Array.from(unpack(column), (minute) => minute * 60000);

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
