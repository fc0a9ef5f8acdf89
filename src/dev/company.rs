//! The company that `ceven dev` seeds.
use super::Person;

/// Mail domain.
pub const DOMAIN: &str = "acme.test";
/// An admin.
pub const ADMIN: &str = "priya@acme.test";
/// Whoever leaves in the tour.
pub const LEAVER: &str = "dana@acme.test";
/// Someone who stays.
pub const COLLEAGUE: &str = "lou@acme.test";

/// Given name, family name, groups, role at Ceven that Okta pushes, and whether they are at GitHub.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str, bool);

const ENGINEERING: &[&str] = &["Engineering"];
const SALES: &[&str] = &["Sales"];
const SUPPORT: &[&str] = &["Support"];

const PEOPLE: [Row; 24] = [
    ("Priya", "Shah", &["HR Admins"], "admin", true),
    ("Dana", "Lee", &["Engineering", "Sales"], "", true),
    ("Lou", "Berg", SALES, "member", true),
    ("Sam", "Okoro", &["HR Admins", "Support"], "admin", false),
    ("Ada", "Nowak", ENGINEERING, "", true),
    ("Ben", "Castro", ENGINEERING, "", true),
    ("Chloe", "Marsh", ENGINEERING, "", true),
    ("Dmitri", "Volkov", ENGINEERING, "member", true),
    ("Elif", "Kaya", ENGINEERING, "", true),
    ("Femi", "Adeyemi", ENGINEERING, "", true),
    ("Grace", "Lindqvist", ENGINEERING, "", true),
    ("Hugo", "Moreau", SALES, "", false),
    ("Ines", "Duarte", SALES, "", false),
    ("Jonas", "Weber", SALES, "", false),
    ("Keiko", "Tanaka", SALES, "", false),
    ("Liam", "Byrne", SALES, "", false),
    ("Maya", "Cohen", SUPPORT, "", false),
    ("Noor", "Rahman", SUPPORT, "", false),
    ("Oskar", "Holm", SUPPORT, "", false),
    ("Paula", "Ferrari", SUPPORT, "", false),
    ("Quinn", "Avery", SUPPORT, "", false),
    ("Rosa", "Ibarra", SUPPORT, "", false),
    ("Theo", "Janssen", SUPPORT, "", false),
    ("Yara", "Haddad", &["HR Admins"], "member", false),
];

/// Who works there.
pub(super) fn people() -> Vec<Person> {
    let person = |(given, family, groups, role, is_on_github): &Row| {
        let name = given.to_lowercase();
        let mut person = Person::new(given, family, &format!("{name}@{DOMAIN}")).in_groups(groups);
        if !role.is_empty() {
            person = person.with_roles(&[role]);
        }
        if *is_on_github {
            person = person.on_github(&format!("{name}-{}", family.to_lowercase()));
        }
        if person.email == ADMIN { person.as_admin() } else { person }
    };
    PEOPLE.iter().map(person).collect()
}
