// Bundles, minifies, hashes and compresses the assets into the folder named on the command line. Run by parvis_ui.build.
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = path.resolve(process.argv[2]);
const modules = "node_modules";
const manifest = {};
const hash = (bytes) => createHash("sha256").update(bytes).digest("base64url").replace(/[-_]/g, "x").slice(0, 10);

async function hashed(name, bytes) {
  const { name: stem, ext } = path.parse(name);
  const file = `${stem}-${hash(bytes)}${ext}`;
  await writeFile(path.join(out, file), bytes);
  manifest[name] = { file };
  return file;
}

await mkdir(out, { recursive: true });

// Icons: one sprite of the names in icons.json; weight and colour come from the stylesheet.
const names = JSON.parse(await readFile("assets/icons.json", "utf8"));
let sprite = '<svg xmlns="http://www.w3.org/2000/svg">';
for (const [name, source] of Object.entries(names)) {
  const svg = source.startsWith("<") ? source : await readFile(`${modules}/heroicons/24/outline/${source}.svg`, "utf8");
  const body = svg.replace(/\s+/g, " ").replace(/^.*?<svg[^>]*>/, "").replace(/<\/svg>.*$/, "");
  sprite += `<symbol id="${name}" viewBox="0 0 24 24">${body.trim().replace(/> </g, "><")}</symbol>`;
}
await hashed("icons.svg", sprite + "</svg>");
await hashed("favicon.svg", await readFile("assets/favicon.svg"));

// pdf.js: the worker and what it fetches for unusual files. Only the reading page asks for them.
const worker = await hashed("pdf.worker.mjs", await readFile(`${modules}/pdfjs-dist/legacy/build/pdf.worker.min.mjs`));
const version = JSON.parse(await readFile(`${modules}/pdfjs-dist/package.json`, "utf8")).version;
const support = `pdfjs-${version}`;
for (const folder of ["standard_fonts", "cmaps", "iccs"]) {
  await cp(`${modules}/pdfjs-dist/${folder}`, path.join(out, support, folder), { recursive: true });
}
await mkdir(path.join(out, support, "wasm"));
for (const file of await readdir(`${modules}/pdfjs-dist/wasm`)) {
  if (file.endsWith("_nowasm_fallback.js")) await cp(`${modules}/pdfjs-dist/wasm/${file}`, path.join(out, support, "wasm", file));
}

const result = await build({
  entryPoints: { app: "assets/js/app.js", "app.css": "assets/css/app.css" },
  outdir: out,
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  metafile: true,
  target: ["chrome123", "firefox121", "safari17.5"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  define: { PDF_WORKER: JSON.stringify(`./${worker}`), PDF_SUPPORT: JSON.stringify(`./${support}/`) },
  legalComments: "none",
  logLevel: "warning",
});
for (const [file, made] of Object.entries(result.metafile.outputs)) {
  const name = path.basename(file);
  if (made.entryPoint) manifest[path.basename(made.entryPoint)] = { file: name };
  else if (name.endsWith(".woff2")) manifest[name.includes("latin-ext") ? "font-ext.woff2" : "font.woff2"] = { file: name };
}

// Compressed once here, so that no request pays for it.
async function* walk(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(full);
    else yield full;
  }
}
for await (const file of walk(out)) {
  if (!/\.(css|js|mjs|svg)$/.test(file)) continue;
  const bytes = await readFile(file);
  const quality = bytes.length > 400_000 ? 9 : 11;
  await writeFile(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }));
  await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}
for (const entry of Object.values(manifest)) {
  const file = path.join(out, entry.file);
  entry.bytes = (await stat(file)).size;
  entry.compressed = await stat(`${file}.br`).then((found) => found.size, () => entry.bytes);
}
await writeFile(path.join(out, "manifest.json"), JSON.stringify({ files: manifest }, null, 1));
