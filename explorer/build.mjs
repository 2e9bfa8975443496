// One HTML file without any request: the page with its style, its script, and the worker as a string in that script.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const options = {
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  write: false,
  legalComments: "none",
};
const bundled = async (entry, more = {}) =>
  (await build({ ...options, entryPoints: [entry], ...more })).outputFiles[0].text;

const worker = {
  name: "worker-source",
  setup(context) {
    context.onResolve({ filter: /^worker-source$/ }, ({ path }) => ({ path, namespace: "worker" }));
    context.onLoad({ filter: /.*/, namespace: "worker" }, async () => ({
      contents: await bundled("src/worker.ts"),
      loader: "text",
    }));
  },
};

const script = await bundled("src/main.tsx", {
  plugins: [worker],
  jsx: "automatic",
  jsxImportSource: "preact",
});
const style = await bundled("src/style.css", { loader: { ".css": "css" } });
const page = await readFile("src/index.html", "utf8");
// Functions, as replacements in words give $ a meaning.
const html = page
  .replace("/* style */", () => style.trim())
  .replace("/* script */", () => script.trim().replaceAll("</script", "<\\/script"));
await mkdir("dist", { recursive: true });
await writeFile("dist/explorer.html", html);
