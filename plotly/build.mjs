// The library of interactive pages in one file, without what is there for documentation, as small as gzip can be.

import { readFile, writeFile } from "node:fs/promises";
import { gzipAsync } from "@gfx/zopfli";
import { build } from "esbuild";

const { version } = JSON.parse(await readFile("node_modules/plotly.js/package.json", "utf8"));
const { outputFiles } = await build({
  entryPoints: ["bundle.cjs"],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2020",
  define: { global: "window" },
  loader: { ".css": "empty" }, // of maps of the earth
  banner: { js: `/*! plotly.js (lines and maps) v${version}, MIT license, Copyright Plotly, Inc. */` },
  legalComments: "eof",
  write: false,
});
// Attributes say what they are, as a text or a list of texts: 110 kB that only a reference shows.
const text = /(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\$]|\\.)*`)/.source;
const described = new RegExp(`description:(?:${text}|\\[${text}(?:,${text})*\\]\\.join\\(${text}\\))(?=[,}])`, "g");
const library = outputFiles[0].text.replace(described, 'description:""');
const packed = await gzipAsync(Buffer.from(library), { numiterations: 15 });
await writeFile("../src/critical_periods/figures/plotly.min.js.gz", packed);
