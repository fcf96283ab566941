// Debian's Chromium without a window. Where it is not there and cannot be installed, the suites say so and are skipped.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const program = process.env.CHROMIUM ?? '/usr/bin/chromium';

// The reason for skipping; false where there is a browser.
export const isMissing = existsSync(program) ? false : `no Chromium at ${program}: install the package chromium, or set CHROMIUM`;

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.process = await chromium.launch({ executablePath: program, headless: true, args: flags });
    return browser;
  }

  // A page; what goes wrong in it is kept in `errors`.
  async page(address = 'about:blank') {
    const page = await this.process.newPage();
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
    await page.goto(address);
    return page;
  }

  close() {
    return this.process.close();
  }
}
