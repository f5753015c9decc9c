/** The product's mark: modules plugged into rails. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M8 10h16M8 16h16M8 22h16" />
      <circle cx="12" cy="10" r="3" />
      <circle cx="20" cy="16" r="3" />
      <circle cx="14" cy="22" r="3" />
    </svg>
  );
}
