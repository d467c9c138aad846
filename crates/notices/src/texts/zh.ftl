# 以简体中文告知账号持有人的内容。每条信息在各语言中都有，变量相同。
notice-subject = 规则“{ $rule }”适用于您的账号
notice-opening = 通知时间：{ $at }。您的账号 { $account } 已达到“{ $pack }”中规则“{ $rule }”的条件。
shown-subject = “{ $rule }”：您的身份信息已开始展示
shown-opening = 自{ $at }起，根据“{ $pack }”中的规则“{ $rule }”，您的账号 { $account } 旁会展示身份信息。
restricted-subject = “{ $rule }”：未展示任何信息，相应措施已生效
restricted-opening = 自{ $at }起，根据“{ $pack }”中的规则“{ $rule }”，对您的账号 { $account } 采取相应措施。您的身份信息均未展示。
below-subject = “{ $rule }”不再适用于您的账号
below-opening = 自{ $at }起，“{ $pack }”中的规则“{ $rule }”不再适用于您的账号 { $account }。已展示的内容将在规则规定的期限内保留。
withdrawn-subject = “{ $rule }”对您的账号已终止
withdrawn-opening = 自{ $at }起，“{ $pack }”中的规则“{ $rule }”对您的账号 { $account } 已终止，不再据此展示任何信息。

show = 将展示：{ $field }。可见对象：{ $viewers }。展示位置：{ $surfaces }。
due = 在{ $due }之前，不会展示任何信息。
until = 最迟展示至{ $until }，除非该规则再次适用。
consent-needed = 未经您同意，不会展示任何信息；只展示您逐项同意的内容。您可随时撤回同意，已展示的内容将立即隐藏。
consent-not-needed = 该规则不要求您同意。您仍可拒绝；拒绝后不会展示任何信息。
refused = 如您拒绝，平台将采取以下措施：{ $consequences }。
refused-nothing = 如您拒绝，该规则未规定任何后果。
silent = 如您不答复，平台将采取以下措施：{ $consequences }。
silent-nothing = 如您不答复，该规则未规定任何后果。
distance = { $number ->
   *[other] 粉丝减少 { $count } 人后，该规则将不再适用。
}
filter = 您可以批量移除粉丝，事先预览结果，并可在 30 天内撤销。
appeal-within = { $number ->
   *[other] 您可以申诉；申诉应在 { $count } 天内得到答复。
}
appeal-none = 该规则未规定申诉途径。
help = 如果公开身份会使您面临危险，或者您是未成年人，请立即告知平台：平台可以采取安全保护措施，隐藏全部信息。

list-two = { $first }、{ $second }
list-more = { $first }、{ $second }
day = { $year }年{ $month }月{ $day }日 { $time }（UTC{ $offset }）

field-legal_name = 您的真实姓名
field-entity_name = 登记的名称
field-occupation = 您的职业
field-employer = 您的工作单位
field-address = 邮寄地址
field-phone = 电话号码
field-email = 电子邮箱
field-country = 国家
field-region = 地区
field-credential = 专业资质
field-registration_number = 登记号码
field-address_area = 地址所在的国家和州（省）
coarse-full = { $field }
coarse-first_character = { $field }（仅首字）
coarse-province = { $field }（最细到省级）
coarse-country = { $field }（仅国家）
viewer-logged_out = 未登录的访客
viewer-unverified = 未实名认证的用户
viewer-verified = 已实名认证的用户
viewer-bad_standing = 受过处罚或行为异常的用户
viewer-buyer = 您的买家
viewer-holder = 您本人
viewer-staff = 平台工作人员
surface-profile = 个人主页
surface-post = 您的帖子
surface-comment = 您的评论
surface-listing = 您的商品页
surface-order = 订单
consequence-less_traffic = 减少流量
consequence-less_revenue = 减少收益
consequence-less_distribution = 减少分发
consequence-other_functions_limited = 限制其他功能
consequence-less_feed_recommendation = 减少信息流推荐
consequence-less_hot_search = 减少热搜展示
consequence-less_ad_share = 降低广告分成
consequence-less_tipping = 减少打赏
consequence-suspend_sales = 暂停销售
consequence-no_selling = 不得销售
consequence-no_service = 不提供服务
consequence-no_posting = 不得发布内容
consequence-no_commenting = 不得评论
consequence-no_public_feed = 不进入公开信息流
