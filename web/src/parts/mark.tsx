// The mark: a record that is a sun going down at sea.

export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <circle class="mark-disc" cx="32" cy="32" r="30" />
      <circle class="mark-sun" cx="32" cy="32" r="13" />
      <path class="mark-sea" d="M2.5 35.5c5 4 9.8 4 14.8 0s9.8-4 14.7 0 9.8 4 14.8 0 9.8-4 14.7 0A30 30 0 0 1 2.5 35.5Z" />
      <circle class="mark-hole" cx="32" cy="32" r="2.6" />
    </svg>
  );
}
