// A menu behind a button (the ARIA authoring practices' menu button): arrows, Home, End, letters, Escape.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon";

export interface MenuItem {
  label: string;
  icon?: IconName | undefined;
  run: () => void;
  isDanger?: boolean | undefined;
  /** A choice among others: whether it is the one. */
  isChosen?: boolean | undefined;
}

interface Props {
  label: string;
  items: MenuItem[];
  children: ComponentChildren;
  class?: string;
  /** To which side it opens. */
  align?: "start" | "end";
}

export function Menu({ label, items, children, class: extra = "icon-button", align = "end" }: Props) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    const chosen = box.current?.querySelector<HTMLElement>("[aria-checked=true]");
    (chosen ?? box.current?.querySelector<HTMLElement>("[role^=menuitem]"))?.focus();
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [isOpen]);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      event.stopPropagation();
      return close();
    }
    const all = [...(box.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = placeOf(event.key, at, all.map((item) => item.textContent ?? ""));
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    all[next]?.focus();
  };

  return (
    <div class="menu" ref={box} onKeyDown={onKey}>
      <button
        ref={button}
        type="button"
        class={extra}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-label={label}
        title={label}
        onClick={(event) => {
          event.preventDefault();
          event.stopPropagation();
          setOpen(!isOpen);
        }}
      >
        {children}
      </button>
      {isOpen && (
        <div class={`menu-list ${align}`} role="menu" aria-label={label}>
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role={item.isChosen === undefined ? "menuitem" : "menuitemradio"}
              aria-checked={item.isChosen}
              tabIndex={-1}
              class={`menu-item ${item.isDanger ? "danger" : ""}`}
              onClick={(event) => {
                event.preventDefault();
                event.stopPropagation();
                close();
                item.run();
              }}
            >
              {item.isChosen !== undefined && <span class="menu-mark">{item.isChosen && <Icon name="check" size={16} />}</span>}
              {item.icon && <Icon name={item.icon} size={18} />}
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function placeOf(key: string, at: number, labels: string[]): number | undefined {
  const count = labels.length;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key.length !== 1) return undefined;
  const order = labels.map((_, n) => (at + 1 + n) % count);
  return order.find((n) => labels[n]?.toLowerCase().startsWith(key.toLowerCase()));
}
