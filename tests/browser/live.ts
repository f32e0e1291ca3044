/** The page of `--live` in a real browser. */
import { assertEquals } from "@std/assert";
import { axe, openBrowser, serious } from "../support/browser.ts";

Deno.test({
  name: "the browser opens a page and looks at it",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const browser = await openBrowser();
    try {
      const { page, errors } = await browser.newPage();
      await page.setContent(
        '<!doctype html><html lang="en"><title>x</title><main><h1>x</h1></main></html>',
      );
      assertEquals(serious(await axe(page)), []);
      assertEquals(errors, []);
    } finally {
      await browser.close();
    }
  },
});
