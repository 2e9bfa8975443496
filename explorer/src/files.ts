// What leaves the page: files, and the clipboard.

export function save(blob: Blob, name: string): void {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(blob),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveCsv(rows: (string | number)[][], name: string): void {
  save(new Blob([`${rows.map((row) => row.join(",")).join("\n")}\n`], { type: "text/csv" }), name);
}

/** Copy a text; false where the browser does not allow it. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
