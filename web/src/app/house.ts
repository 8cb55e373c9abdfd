// The pages of the household, which come together as one script when somebody opens the first of them.

export { ActivityPage } from "../activity/page";
export { DownloadsPage } from "../downloads/page";
export { ExportsPage } from "../exports/page";
export { InboxPage } from "../inbox/page";
export { TrashPage } from "../trash/page";
