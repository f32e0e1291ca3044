/**
 * A real browser for tests of our pages: Debian's Chromium, driven by Playwright. Only programs that
 * run with `--no-lock` may open it (`deno task bench:browser`, `tests/browser_test.ts`): what stands
 * in `deno.lock` is downloaded by every `deno task`.
 *
 * @module
 */

/** Computed when they are imported, for the same reason. */
const PLAYWRIGHT = "npm:playwright-core@1.65.1";
const AXE = "npm:axe-core@4.14.1";

/** Where Chromium is looked for; `CHROMIUM` names another one. */
const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** The part of Playwright's page that tests use. */
export interface Page {
  goto(url: string, options?: object): Promise<{ status(): number } | null>;
  reload(options?: object): Promise<unknown>;
  url(): string;
  title(): Promise<string>;
  content(): Promise<string>;
  setContent(html: string): Promise<void>;
  setViewportSize(size: { readonly width: number; readonly height: number }): Promise<void>;
  emulateMedia(options: {
    readonly colorScheme?: "light" | "dark";
    readonly media?: "screen" | "print";
    readonly reducedMotion?: "reduce" | "no-preference";
  }): Promise<void>;
  // deno-lint-ignore no-explicit-any
  evaluate<T = any>(script: string | ((argument: any) => unknown), argument?: unknown): Promise<T>;
  waitForTimeout(ms: number): Promise<void>;
  textContent(selector: string): Promise<string | null>;
  click(selector: string): Promise<void>;
  focus(selector: string): Promise<void>;
  readonly keyboard: { press(key: string): Promise<void> };
  readonly mouse: { move(x: number, y: number): Promise<void> };
  screenshot(options: { readonly path?: string; readonly fullPage?: boolean }): Promise<Uint8Array>;
  pdf(options: { readonly path?: string; readonly format?: string }): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Rules of accessibility that a page breaks. */
export interface Violation {
  readonly id: string;
  readonly impact: "minor" | "moderate" | "serious" | "critical";
  readonly help: string;
  /** The first elements that break it. */
  readonly nodes: readonly string[];
}

/** How a page is shown. */
export interface View {
  /** In CSS pixels. Default 1280. */
  readonly width?: number;
  /** Default 900. */
  readonly height?: number;
  readonly dark?: boolean;
  readonly print?: boolean;
}

/** An open browser. */
export interface Browser {
  /**
   * A new page, of a context of its own. What it logs as an error, throws, or was not allowed by its
   * content security policy is collected in `errors`.
   */
  newPage(view?: View): Promise<{ readonly page: Page; readonly errors: readonly string[] }>;
  close(): Promise<void>;
}

/** Path of the browser; absent = there is none on this machine. */
export function chromiumPath(): string | undefined {
  const asked = Deno.env.get("CHROMIUM");
  return (asked === undefined ? PLACES : [asked]).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * Opens the browser.
 *
 * @param args further arguments of its command line.
 * @throws where there is none, or the driver cannot be had.
 */
export async function openBrowser(args: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("There is no Chromium on this machine");
  const { chromium } = await import(PLAYWRIGHT);
  // The sandbox needs what containers do not have; only our own pages are opened.
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", ...args] });
  return {
    async newPage({ width = 1280, height = 900, dark = false, print = false } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: dark ? "dark" : "light",
      });
      const page = await context.newPage();
      if (print) await page.emulateMedia({ media: "print" });
      const errors: string[] = [];
      page.on("pageerror", (error: Error) => errors.push(`${error}`));
      page.on("console", (message: { type(): string; text(): string }) => {
        if (message.type() === "error") errors.push(message.text());
      });
      return { page, errors };
    },
    close: () => browser.close(),
  };
}

/**
 * Waits until an expression is true on the page. Playwright's own way of waiting is not allowed by the
 * content security policies of our pages.
 *
 * @throws after half a minute.
 */
export async function until(page: Page, expression: string): Promise<void> {
  for (let looks = 0; looks < 300; looks++) {
    if (await page.evaluate<boolean>(`Boolean(${expression})`)) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`It never became true: ${expression}`);
}

/** Takes a picture of the whole page in a view. */
export async function screenshot(page: Page, path: string, view: View = {}): Promise<void> {
  const { width = 1280, height = 900, dark = false, print = false } = view;
  await page.setViewportSize({ width, height });
  await page.emulateMedia({
    colorScheme: dark ? "dark" : "light",
    media: print ? "print" : "screen",
  });
  await page.screenshot({ path, fullPage: true });
}

/** Whether something is wider than the screen, so that the page itself scrolls sideways. */
export async function scrollsSideways(page: Page): Promise<boolean> {
  return await page.evaluate(
    "document.documentElement.scrollWidth > document.documentElement.clientWidth",
  );
}

/** What axe-core finds on a page, as it is shown now. */
export async function axe(page: Page): Promise<readonly Violation[]> {
  const { default: { source } } = await import(AXE);
  await page.evaluate(source);
  return await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(
    ({ violations }) => violations.map(({ id, impact, help, nodes }) => ({
      id, impact, help, nodes: nodes.slice(0, 5).map(({ html }) => html.slice(0, 200)),
    })))`);
}

/** Of these, what one must not publish: serious and critical. */
export function serious(violations: readonly Violation[]): readonly Violation[] {
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical");
}
