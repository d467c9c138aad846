# What a holder is told, in English. Every message is in every language, with the same variables.
notice-subject = The rule “{ $rule }” applies to your account
notice-opening = Notice of { $at }: your account { $account } meets the rule “{ $rule }” of “{ $pack }”.
shown-subject = “{ $rule }”: your nameplate is now shown
shown-opening = Since { $at } the rule “{ $rule }” of “{ $pack }” shows a nameplate beside your account { $account }.
restricted-subject = “{ $rule }”: nothing is shown, and consequences apply
restricted-opening = Since { $at } the rule “{ $rule }” of “{ $pack }” has consequences for your account { $account }. Nothing of your identity is shown.
below-subject = “{ $rule }” no longer applies to your account
below-opening = Since { $at } the rule “{ $rule }” of “{ $pack }” no longer applies to your account { $account }. What was shown stays for the time that the rule states.
withdrawn-subject = “{ $rule }” has ended for your account
withdrawn-opening = Since { $at } the rule “{ $rule }” of “{ $pack }” has ended for your account { $account }. Nothing is shown under it any more.

show = To be shown: { $field }. Who sees it: { $viewers }. Where: { $surfaces }.
due = Nothing is shown before { $due }.
until = It is shown until { $until } at the latest, unless the rule applies again.
consent-needed = Nothing is shown unless you agree, and only the fields that you name. You can take your agreement back at any time; what was shown is then hidden at once.
consent-not-needed = The rule asks for no agreement. You can still refuse; then nothing is shown.
refused = If you refuse, the platform does this: { $consequences }.
refused-nothing = If you refuse, the rule states no consequences.
silent = If you do not answer, the platform does this: { $consequences }.
silent-nothing = If you do not answer, the rule states no consequences.
distance = { $number ->
    [one] With { $count } follower fewer the rule would not apply.
   *[other] With { $count } followers fewer the rule would not apply.
}
filter = You can remove followers in bulk, see beforehand what it would do, and undo it for 30 days.
appeal-within = { $number ->
    [one] You can appeal; an appeal is to be answered within { $count } day.
   *[other] You can appeal; an appeal is to be answered within { $count } days.
}
appeal-none = The rule names no way to appeal.
help = If being named would put you in danger, or you are under age, tell the platform at once: it can place a safety hold, which hides everything.

list-two = { $first } and { $second }
list-more = { $first }, { $second }
day = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $time } (UTC{ $offset })

field-legal_name = your legal name
field-entity_name = the registered name
field-occupation = your occupation
field-employer = your employer
field-address = the postal address
field-phone = the telephone number
field-email = the email address
field-country = the country
field-region = the region
field-credential = the professional qualification
field-registration_number = the registration number
field-address_area = country and state of the address
coarse-full = { $field }
coarse-first_character = { $field } (the first character only)
coarse-province = { $field } (no finer than the province)
coarse-country = { $field } (the country only)
viewer-logged_out = visitors who are not logged in
viewer-unverified = users whose identity is not verified
viewer-verified = users whose identity is verified
viewer-bad_standing = users who were sanctioned or behave abnormally
viewer-buyer = your buyers
viewer-holder = yourself
viewer-staff = the platform's staff
surface-profile = your profile
surface-post = your posts
surface-comment = your comments
surface-listing = your listings
surface-order = orders
consequence-less_traffic = less traffic
consequence-less_revenue = less revenue
consequence-less_distribution = less distribution
consequence-other_functions_limited = other functions are limited
consequence-less_feed_recommendation = fewer recommendations in feeds
consequence-less_hot_search = fewer places in trending searches
consequence-less_ad_share = a smaller share of advertising
consequence-less_tipping = less tipping
consequence-suspend_sales = sales are suspended
consequence-no_selling = no selling
consequence-no_service = no service
consequence-no_posting = no posting
consequence-no_commenting = no commenting
consequence-no_public_feed = no place in public feeds
