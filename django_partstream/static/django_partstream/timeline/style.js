// The styles of the shadow tree. All colours have a contrast of 4.5 to 1 for text, 3 to 1 for bars.

export const CSS = `
:host {
  all: initial;
  --back: #fff;
  --text: #1b2330;
  --quiet: #525c6b;
  --line: #d5dae2;
  --accent: #2f5bd8;
  --accent-back: #dbe4fb;
  --wait: #8a5300;
  --wait-back: #fff3dc;
  --bad: #b3261e;
  --bad-back: #fdecea;
  position: fixed;
  inset: auto 0.75rem 0.75rem auto;
  z-index: 2147483647;
  color-scheme: light dark;
}

@media (prefers-color-scheme: dark) {
  :host {
    --back: #1b212b;
    --text: #e6eaf0;
    --quiet: #a6b1c0;
    --line: #38424f;
    --accent: #86a8ff;
    --accent-back: #27375c;
    --wait: #f3c06b;
    --wait-back: #3b2d13;
    --bad: #ff9d94;
    --bad-back: #42201e;
  }
}

* {
  box-sizing: border-box;
  margin: 0;
}

/* A rule of the page may reach the host, and what is inherited from it. */
button,
#panel {
  font: 0.875rem/1.5 system-ui, sans-serif;
  letter-spacing: normal;
  text-align: start;
  text-transform: none;
}

[hidden] {
  display: none !important;
}

button {
  padding: 0.375rem 0.875rem;
  border: 1px solid var(--accent);
  border-radius: 0.375rem;
  background: var(--back);
  color: var(--accent);
  font-weight: 600;
  white-space: nowrap;
  cursor: pointer;
}

:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 2px;
}

#panel:focus {
  outline: none; /* it is opened with the focus; the controls within show theirs */
}

.unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

#panel {
  position: fixed;
  inset: auto 0 0;
  z-index: 2147483647;
  display: flex;
  flex-direction: column;
  max-height: min(75vh, 44rem);
  max-height: min(75dvh, 44rem);
  padding: 0.75rem 1.25rem 0;
  border-top: 2px solid var(--accent);
  background: var(--back);
  color: var(--text);
  box-shadow: 0 -0.25rem 1.5rem #0004;
}

.head {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 1rem;
}

h2 {
  font-size: 1.0625rem;
}

h3 {
  margin: 0.75rem 0 0.25rem;
  font-size: 0.875rem;
  overflow-wrap: anywhere;
}

.legend {
  display: flex;
  flex-wrap: wrap;
  gap: 0.125rem 1.25rem;
  padding: 0.375rem 0;
  color: var(--quiet);
  font-size: 0.8125rem;
}

.legend i {
  position: static;
  display: inline-block;
  width: 1.75rem;
  height: 0.75rem;
  margin-inline-end: 0.375rem;
  vertical-align: -0.0625rem;
}

.groups {
  min-height: 0;
  padding: 0 0.25rem 0.75rem;
  border-top: 1px solid var(--line);
  overflow: auto;
  overscroll-behavior: contain;
}

summary {
  padding: 0.25rem 0;
  color: var(--quiet);
  font-variant-numeric: tabular-nums;
  cursor: pointer;
}

ol {
  padding: 0 0 0.5rem;
  list-style: none;
}

li {
  padding: 0.25rem 0;
  border-top: 1px solid var(--line);
}

p {
  overflow-wrap: anywhere;
}

li span {
  color: var(--quiet);
  font-size: 0.8125rem;
  font-variant-numeric: tabular-nums;
}

.chart {
  position: relative;
  height: 1rem;
  margin: 0.125rem 0;
  overflow: hidden;
}

.bar {
  position: absolute;
  inset-block: 0;
  min-width: 3px;
  border: 1px solid var(--accent);
  border-radius: 3px;
  background: var(--accent-back);
}

.failed {
  border: 2px dashed var(--bad);
  background: var(--bad-back);
}

.server {
  inset-block: 3px;
  background: var(--accent);
}

.failed + .server {
  border-color: var(--bad);
  background: var(--bad);
}

.pending {
  border-color: var(--wait);
  background: repeating-linear-gradient(
    -45deg,
    var(--wait) 0 2px,
    var(--wait-back) 2px 8px
  );
}

@media (forced-colors: active) {
  .bar {
    border-color: CanvasText;
    background: Canvas;
    forced-color-adjust: none;
  }

  .server,
  .failed + .server {
    background: Highlight;
  }

  .pending {
    background: repeating-linear-gradient(-45deg, CanvasText 0 2px, Canvas 2px 8px);
  }
}

@media (min-width: 64rem) {
  li {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    align-items: center;
    gap: 1.5rem;
  }
}

@media (max-width: 34rem) {
  #panel {
    padding-inline: 0.75rem;
  }
}

@media print {
  :host {
    display: none;
  }
}
`;
