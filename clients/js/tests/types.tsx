// This file is compiled and not run. It checks the exported types.

import { follow, parts, PartstreamError } from "partstream";
import type { Named, Pending } from "partstream";
import { ProgressiveLoader } from "partstream/loader";
import { useParts } from "partstream/react";
import { remembered } from "partstream/remembered";
import { visibleNow, whenVisible } from "partstream/visible";
import { useParts as useVueParts } from "partstream/vue";
import { useEffect } from "react";
import { ref } from "vue";

interface Dashboard {
  overview: { admin: string };
  recent_orders: Array<{ id: number }>;
}

export async function typed(): Promise<number | undefined> {
  for await (const part of parts<Dashboard>("/api/", { signal: AbortSignal.timeout(1000) })) {
    if (part.name === "overview" && !part.error) return part.value.admin.length;
    // @ts-expect-error it may have failed
    if (part.name === "overview") part.value.admin;
    // @ts-expect-error the other part is a list
    part.value?.admin;
    // @ts-expect-error there is no such name
    if (part.name === "nothing") return part.error?.reference.length;
  }
  return undefined;
}

export async function untyped(): Promise<unknown> {
  for await (const { name, value, total } of parts(new URL("https://a.test/"), { only: "a" })) {
    return [name.toUpperCase(), value, total?.toFixed()];
  }
  parts("/api/", { stream: true, first: ["overview"] });
  parts("/api/", { first: "overview", only: null });
  // @ts-expect-error it is for the hooks
  parts("/api/", { every: 10 });
  const bars = (pending: Pending[]) =>
    pending.map(({ name, progress }) => [name.length, progress?.toFixed()]);
  parts("/api/", { onPending: bars, signal: null });
  const banner = (error: Error | null) => error?.message.length;
  parts("/api/", { onWaiting: banner, patience: 0 });
  // @ts-expect-error it may be null
  parts("/api/", { onWaiting: (error) => error.message });
  // @ts-expect-error it may be null
  parts("/api/", { onPending: ([{ progress }]) => progress.toFixed() });
  const meta = { total_parts: 1 };
  const rest = { part: "a", retry_after: 0.5, progress: null };
  const graphql = { name: "a", retryAfter: 0.5, progress: 0.5 };
  const pageAt = async () => ({ results: [], cursor: "1", meta, pending: [rest, graphql] });
  follow(pageAt, { onPending: bars, signal: AbortSignal.timeout(1000) });
  follow(pageAt, { onWaiting: banner, patience: 5 });
  // @ts-expect-error other options are for requests, which pageAt() sends
  follow(pageAt, { stream: true });
  const board = new Map<string, Named<Dashboard>>();
  for await (const part of parts<Dashboard>("/api/", { remembered: remembered(board.values()) })) {
    board.set(part.name, part);
    part.etag?.toUpperCase();
  }
  parts("/api/", { remembered: remembered(), stream: true });
  parts("/api/", { remembered: null });
  // @ts-expect-error it is not the parts by themselves
  parts("/api/", { remembered: board });
  // @ts-expect-error a page is asked for with GET
  parts("/api/", { method: "POST" });
  return null;
}

export async function loaded(): Promise<string | undefined> {
  const loader = new ProgressiveLoader<Dashboard>("/api/", { remembered: null });
  const all = await loader.loadAll(({ results, totalLoaded, hasMore }) => {
    console.log(results[0].overview?.admin, totalLoaded.toFixed(), hasMore === true);
  });
  await loader.retry("overview");
  await loader.refresh();
  await loader.refresh("overview", "recent_orders");
  return all[0].overview?.admin ?? loader.errors[0].code;
}

export function Board() {
  const {
    parts: came,
    pending,
    total,
    waiting,
    error,
    retry,
    refresh,
  } = useParts<Dashboard>(new URL("https://a.test/"), { first: ["overview"], every: 10, remembered: remembered() });
  useEffect(() => whenVisible(document.querySelectorAll<HTMLElement>("[data-part]"), refresh));
  refresh();
  refresh("overview", "recent_orders");

  for (const part of came) {
    if (part.name === "recent_orders" && !part.error) part.value.map(({ id }) => id.toFixed());
  }
  if (error instanceof PartstreamError) return <p>{error.status + (error.retryAfter ?? 0)}</p>;
  return (
    <button aria-busy={waiting} onClick={() => retry("overview", "recent_orders")}>
      {came[0].name} {came[0].error?.message} {total?.toFixed()}
      {pending.map(({ name, progress }) => (
        <progress key={name.toUpperCase()} value={progress ?? undefined} />
      ))}
    </button>
  );
}

export async function seen(cards: HTMLElement[]): Promise<string[]> {
  whenVisible(cards, ([name]) => name.toUpperCase(), { rootMargin: "100px" })();
  return visibleNow(new Set(cards));
}

export function board(): string | undefined {
  const {
    parts: came,
    pending,
    loading,
    waiting,
    retry,
    refresh,
  } = useVueParts<Dashboard>(ref<string | null>(null), ref({ every: 5, first: "overview" }));
  refresh(["overview"], { signal: AbortSignal.timeout(1000) });
  if (waiting.value) retry("overview", { signal: null });
  return loading.value ? pending.value[0]?.progress?.toFixed() : came.value[0].name;
}
