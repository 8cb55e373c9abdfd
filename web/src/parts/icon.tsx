// Icons: strokes on a grid of 24, in the colour of the text around them. Never a name by themselves: the button has it.

const paths = {
  heart: "M12 20.5S3.5 15.6 3.5 9.4A4.6 4.6 0 0 1 8.1 4.7c1.7 0 3.1.9 3.9 2.3.8-1.4 2.2-2.3 3.9-2.3a4.6 4.6 0 0 1 4.6 4.7c0 6.2-8.5 11.1-8.5 11.1Z",
  album: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  library: "M4 4.5v15M9 4.5v15M13.5 5l5 14.2M4 4.5h5M4 19.5h5",
  artist: "M12 12.5a4.25 4.25 0 1 0 0-8.5 4.25 4.25 0 0 0 0 8.5ZM4.5 20c.9-3.3 3.9-5 7.5-5s6.6 1.7 7.5 5",
  search: "M10.8 4a6.8 6.8 0 1 0 0 13.6 6.8 6.8 0 0 0 0-13.6ZM20.5 20.5l-4.9-4.9",
  download: "M12 3.5v11.5m0 0 4.5-4.5M12 15l-4.5-4.5M4.5 19.5h15",
  upload: "M12 16V4.5m0 0 4.5 4.5M12 4.5 7.5 9M4.5 19.5h15",
  inbox: "M4 13.5 6.5 5h11L20 13.5v5.5H4v-5.5Zm0 0h4.5l1.2 2.5h4.6l1.2-2.5H20",
  jobs: "M5 6.5h14M5 12h9M5 17.5h11.5M18 10l3 2-3 2v-4Z",
  trash: "M4.5 6.5h15M9.5 6.5V4h5v2.5M6.5 6.5 7.5 20h9l1-13.5M10.2 10v6.5M13.8 10v6.5",
  activity: "M12 7v5.2l3.4 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z",
  export: "M6 3.5h12v17H6v-17Zm3 13h6M12 7v6m0 0 2.5-2.5M12 13l-2.5-2.5",
  health: "M3.5 12.5h4l2.2-6 4 11 2.3-5h4.5",
  settings: "M4 7.5h9m4 0h3M4 16.5h3m4 0h9M15 5.2v4.6M9 14.2v4.6",
  account: "M12 12a3.7 3.7 0 1 0 0-7.4 3.7 3.7 0 0 0 0 7.4ZM5 19.8c.8-3 3.6-4.6 7-4.6s6.2 1.6 7 4.6",
  close: "M6 6l12 12M18 6 6 18",
  queue: "M4 6.5h16M4 12h9M4 17.5h9M16.5 11.5v8l5-4-5-4Z",
  check: "M5 12.5 10 17.5 19.5 7",
  plus: "M12 5v14M5 12h14",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  play: "M8 5.2v13.6L19 12 8 5.2Z",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  next: "M6 5.5v13l9.5-6.5L6 5.5ZM18 5.5v13",
  previous: "M18 5.5v13L8.5 12 18 5.5ZM6 5.5v13",
  volume: "M4.5 9.5v5H8l4.5 4v-13L8 9.5H4.5ZM16 9a4 4 0 0 1 0 6M18.5 6.5a7.5 7.5 0 0 1 0 11",
  edit: "M4.5 19.5l1-4L16 5l3 3L8.5 18.5l-4 1ZM14 7l3 3",
  down: "M6 9.5l6 6 6-6",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  filter: "M4 6h16M7 12h10M10 18h4",
  sort: "M8 5v14m0 0-3.5-3.5M8 19l3.5-3.5M16 19V5m0 0-3.5 3.5M16 5l3.5 3.5",
  warning: "M12 4 2.8 19.5h18.4L12 4Zm0 6v4.5M12 17.2v.01",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 11v5.5M12 7.8v.01",
  link: "M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1",
  image: "M4 5h16v14H4V5Zm0 11 4.5-4.5 4 4L15 13l5 4.5M15.5 9.2v.01",
  refresh: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4.5H15",
  eye: "M2.8 12S6 5.8 12 5.8 21.2 12 21.2 12 18 18.2 12 18.2 2.8 12 2.8 12ZM12 9.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2Z",
  menu: "M4.5 7h15M4.5 12h15M4.5 17h15",
  logout: "M14 4.5H5.5v15H14M10.5 12h10m0 0-3.5-3.5M20.5 12 17 15.5",
} as const;

export type IconName = keyof typeof paths | "heart-full" | "play-full";

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  const isFull = name.endsWith("-full");
  const path = paths[(isFull ? name.slice(0, -5) : name) as keyof typeof paths];
  const isDots = name === "more";
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={isFull ? "currentColor" : "none"}
      stroke="currentColor"
      stroke-width={isDots ? 2.6 : 1.7}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}
