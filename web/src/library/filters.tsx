// Which albums, and in which order.

import { api } from "../api/client";
import { useResource } from "../api/store";
import { put } from "../app/router";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { words } from "../words";
import { type Asked, hasFilters, NO_FILTERS, SORTS, type Sort, SWITCHES } from "./asked";

export function SortMenu({ asked, usual }: { asked: Asked; usual: Sort }) {
  const { library } = words.value;
  const items = SORTS.filter((sort) => sort !== "loved" || usual === "loved").map((sort) => ({
    label: library.sorts[sort],
    isChosen: asked.sort === sort,
    run: () => put({ sort: sort === usual ? null : sort }),
  }));
  return (
    <Menu label={`${library.sort}: ${library.sorts[asked.sort]}`} items={items} class="button quiet">
      <Icon name="sort" size={18} />
      <span class="wide-only">{library.sorts[asked.sort]}</span>
    </Menu>
  );
}

/** Only what would find something, or is on. */
export function FilterBar({ asked }: { asked: Asked }) {
  const { library, sources } = words.value;
  const there = useResource("overview", (signal) => api("GET /api/library", { signal }), ["library"]).data.value;
  // The covers do not jump when it is known.
  if (!there) return <div class="chips" aria-hidden="true" />;
  const switches = SWITCHES.filter((name) => there.has[name] || asked.on.includes(name));
  const from = there.sources;
  if (switches.length === 0 && from.length < 2 && !hasFilters(asked)) return null;
  const sourceItems = [null, ...from].map((source) => ({
    label: source === null ? library.anySource : (sources[source] ?? source),
    isChosen: asked.source === source,
    run: () => put({ source }),
  }));
  return (
    <div class="chips" role="group" aria-label={library.filter}>
      {switches.map((name) => {
        const isOn = asked.on.includes(name);
        return (
          <button key={name} type="button" class="chip" aria-pressed={isOn} onClick={() => put({ [name]: isOn ? null : "true" })}>
            {library.filters[name]}
          </button>
        );
      })}
      {(from.length > 1 || asked.source) && (
        <Menu label={library.source} items={sourceItems} class={`chip ${asked.source ? "is-on" : ""}`} align="start">
          {asked.source ? (sources[asked.source] ?? asked.source) : library.source}
          <Icon name="down" size={14} />
        </Menu>
      )}
      {hasFilters(asked) && (
        <button type="button" class="chip plain" onClick={() => put(NO_FILTERS)}>
          <Icon name="close" size={14} /> {library.clearFilters}
        </button>
      )}
    </div>
  );
}
