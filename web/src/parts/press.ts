// A long touch, where there is no pointer to hover with.

const LONG_MS = 450;

// Of the one finger: what is pressed is drawn anew meanwhile, with other properties.
let timer: ReturnType<typeof setTimeout> | undefined;
let isLong = false;

/** For an element's properties: calls back after a long touch, and swallows the click that would follow. */
export function longPress(callback: () => void) {
  const end = () => clearTimeout(timer);
  return {
    onTouchStart: () => {
      isLong = false;
      timer = setTimeout(() => {
        isLong = true;
        callback();
      }, LONG_MS);
    },
    onTouchMove: end,
    onTouchEnd: (event: TouchEvent) => {
      end();
      if (isLong) event.preventDefault();
    },
    onTouchCancel: end,
    onContextMenu: (event: Event) => {
      // The system's own menu of a link, after a long touch.
      if (isLong) event.preventDefault();
    },
  };
}
