// The pages of the household, which come together as one script when somebody opens the first of them.

export { AccountPage } from "../account/page";
export { ActivityPage } from "../activity/page";
export { DownloadsPage } from "../downloads/page";
export { ExportsPage } from "../exports/page";
export { InboxPage } from "../inbox/page";
export { JobsPage } from "../jobs/page";
export { SettingsPage } from "../settings/page";
export { StatusPage } from "../status/page";
export { TrashPage } from "../trash/page";
